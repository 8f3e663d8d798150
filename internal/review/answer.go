package review

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/labelloop/labelloop/internal/guard"
	"github.com/labelloop/labelloop/internal/label"
)

// maxBody bounds what a request may bring.
const maxBody = 4 << 20

// answer makes a handler of a function whose result is written as JSON.
func (s *Server) answer(do func(r *http.Request, who string) (any, error)) http.Handler {
	return s.known(func(w http.ResponseWriter, r *http.Request, who string) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := do(r, who)
		if err != nil {
			guard.Refuse(w, guard.Status(err), err.Error())
			return
		}
		guard.Reply(w, http.StatusOK, result)
	})
}

// read takes the JSON object of a request. Members that it does not know are left aside.
func read(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return label.Errorf(guard.ErrMedia, "the request is not JSON; send it with Content-Type: application/json")
	}
	d := json.NewDecoder(r.Body)
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the JSON object")
		}
	}
	if err = guard.Oversize(err); err != nil && !errors.Is(err, guard.ErrSize) {
		return label.Errorf(label.ErrUsage, "read the request: %w", err)
	}
	return err
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
