package label

import "errors"

// Sentinels that a border (exit code, HTTP status) is chosen by. Wrap them with %w.
var (
	ErrUsage      = errors.New("wrong usage")
	ErrBadModel   = errors.New("model can't be used")
	ErrNoProvider = errors.New("execution provider is not available")
	ErrItems      = errors.New("some items failed")
)
