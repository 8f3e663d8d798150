package label

import (
	"errors"
	"fmt"
)

// Kinds of errors that a border (exit code, HTTP status) is chosen by.
var (
	ErrUsage      = errors.New("wrong usage")
	ErrBadModel   = errors.New("model can't be used")
	ErrNoProvider = errors.New("execution provider is not available")
	ErrItems      = errors.New("some items failed")
	ErrNotFound   = errors.New("not there")
	ErrConflict   = errors.New("conflicts with what is there")
)

// Errorf makes an error of a kind whose text is the message alone: errors.Is finds the kind, people need not read it.
func Errorf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Errorf(format, args...)}
}

type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }
