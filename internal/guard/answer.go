package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/labelloop/labelloop/internal/label"
)

// Kinds of errors that are the caller's, beside those of label.
var (
	ErrMedia = errors.New("media type is not known")
	ErrSize  = errors.New("too large")
)

// statuses is the one table from kinds of errors to HTTP statuses. All others are the server's: it can't do it now.
var statuses = []struct {
	kind   error
	status int
}{
	{label.ErrUsage, http.StatusBadRequest},
	{label.ErrNotFound, http.StatusNotFound},
	{label.ErrConflict, http.StatusConflict},
	{ErrMedia, http.StatusUnsupportedMediaType},
	{ErrSize, http.StatusRequestEntityTooLarge},
}

// Status gives the HTTP status of an error.
func Status(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return s.status
		}
	}
	return http.StatusServiceUnavailable
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, result any) {
	text, err := json.Marshal(result)
	if err != nil {
		panic(fmt.Sprintf("answer is no JSON: %v", err)) // a fault of this program: net/http reports it
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text) // an error is the caller's, who has gone
}

// Refuse answers with an error in words.
func Refuse(w http.ResponseWriter, status int, text string) {
	Reply(w, status, map[string]string{"error": text})
}

// Oversize makes an error of kind ErrSize of one that http.MaxBytesReader gave, and leaves others as they are.
func Oversize(err error) error {
	if large, is := errors.AsType[*http.MaxBytesError](err); is {
		return label.Errorf(ErrSize, "the request is larger than %d bytes; send it in parts", large.Limit)
	}
	return err
}
