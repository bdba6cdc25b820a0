"""Imports of files that devices and health apps export: a job reads each in a process of its own."""
