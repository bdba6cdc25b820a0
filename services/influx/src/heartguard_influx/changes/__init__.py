"""Which points have changed, for those who follow them."""
