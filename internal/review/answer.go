package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/labelloop/labelloop/internal/label"
)

// maxBody bounds what a request may bring.
const maxBody = 4 << 20

// kinds of errors that are the caller's, beside those of label.
var (
	errMedia = errors.New("not JSON")
	errSize  = errors.New("too large")
)

// statuses is the one table from kinds of errors to HTTP statuses. All others are the server's: it can't do it now.
var statuses = []struct {
	kind   error
	status int
}{
	{label.ErrUsage, http.StatusBadRequest},
	{label.ErrNotFound, http.StatusNotFound},
	{label.ErrConflict, http.StatusConflict},
	{errMedia, http.StatusUnsupportedMediaType},
	{errSize, http.StatusRequestEntityTooLarge},
}

func statusOf(err error) int {
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return s.status
		}
	}
	return http.StatusServiceUnavailable
}

// answer makes a handler of a function whose result is written as JSON.
func (s *Server) answer(do func(r *http.Request, who string) (any, error)) http.Handler {
	return s.known(func(w http.ResponseWriter, r *http.Request, who string) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := do(r, who)
		if err != nil {
			refuse(w, statusOf(err), err.Error())
			return
		}
		reply(w, http.StatusOK, result)
	})
}

func reply(w http.ResponseWriter, status int, result any) {
	text, err := json.Marshal(result)
	if err != nil {
		panic(fmt.Sprintf("answer is no JSON: %v", err)) // a fault of this package: net/http reports it
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text) // an error is the caller's, who has gone
}

// refuse answers with an error in words.
func refuse(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"error": text})
}

// read takes the JSON object of a request. Members that it does not know are left aside.
func read(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return label.Errorf(errMedia, "the request is not JSON; send it with Content-Type: application/json")
	}
	d := json.NewDecoder(r.Body)
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the JSON object")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return label.Errorf(errSize, "the request is larger than %d bytes; send it in parts", large.Limit)
	case err != nil:
		return label.Errorf(label.ErrUsage, "read the request: %w", err)
	}
	return nil
}

// itemOf is the number of the item that a path names.
func itemOf(r *http.Request) (int64, error) {
	text := r.PathValue("item")
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 1 || strconv.FormatInt(number, 10) != text {
		return 0, label.Errorf(label.ErrNotFound, "item %q: there is no such item", text)
	}
	return number, nil
}

// between refuses a number that is out of range.
func between(name string, n, least, most int) error {
	if n < least || n > most {
		return label.Errorf(label.ErrUsage, "%s is %d, want %d to %d", name, n, least, most)
	}
	return nil
}
