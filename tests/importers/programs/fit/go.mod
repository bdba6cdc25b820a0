module heartguard.test/fit

go 1.24.0

require github.com/muktihari/fit v0.26.1
