package models

import "errors"

// Sentinels, to be told apart with errors.Is.
var (
	// ErrNotModel: the directory holds no model.
	ErrNotModel = errors.New("not a model directory")
	// ErrNotFound: no model of that name or version is in the registry, or no graph of that precision in the model.
	ErrNotFound = errors.New("not found")
	// ErrDamaged: a file is not what its own lengths, its digest or its format say it should be.
	ErrDamaged = errors.New("truncated or damaged: copy or export it again")
	// ErrUnsafe: a path or link would leave the model's directory.
	ErrUnsafe = errors.New("leaves the model directory")
	// ErrUntrusted: a bundle that is not signed by the key that was asked for.
	ErrUntrusted = errors.New("not trusted")
	// ErrUnsupported: a sound model that does something no task here can use.
	ErrUnsupported = errors.New("unsupported model")
)
