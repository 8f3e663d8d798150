package review

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/labelloop/labelloop/internal/guard"
)

// keySize is that of SHA-256, by which tokens are made.
const keySize = 32

// Key reads the secret that a project's tokens are made by from a file, or makes one where the file isn't there. The same
// file gives the same tokens, so that people stay logged in when the server starts anew; who deletes it locks them out.
func Key(path string) ([]byte, error) {
	made, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return readKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	_, err = made.Write(key)
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("make a key for tokens: %w", err), os.Remove(path))
	}
	return key, nil
}

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for tokens: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key for tokens %s can be read by others: chmod 600 it, or delete it and everybody logs in anew", path)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for tokens: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("the key for tokens %s holds %d bytes, want %d: delete it, and everybody logs in anew", path, len(key), keySize)
	}
	return key, nil
}

// sessions knows people by their tokens.
type sessions struct {
	cookie string // its name; browsers keep cookies by host alone, and a machine may serve several projects
	names  []string
	tokens map[string]string // by name
	limit  *limiter
}

func newSessions(key []byte, names []string) sessions {
	sign := func(text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	s := sessions{cookie: "labelloop-" + hex.EncodeToString(sign("cookie")[:4]), names: names, tokens: map[string]string{}, limit: &limiter{}}
	for _, name := range names {
		s.tokens[name] = base64.RawURLEncoding.EncodeToString(sign("token/" + name))
	}
	return s
}

// owner tells whose token it is. All are compared, so that the time tells nothing.
func (s *sessions) owner(token string) (name string, ok bool) {
	for _, n := range s.names {
		if subtle.ConstantTimeCompare([]byte(s.tokens[n]), []byte(token)) == 1 {
			name, ok = n, true
		}
	}
	return name, ok
}

// who tells which person sends a request.
func (s *sessions) who(r *http.Request) (string, bool) {
	for _, c := range r.CookiesNamed(s.cookie) {
		if name, ok := s.owner(c.Value); ok {
			return name, true
		}
	}
	return "", false
}

// Link is the address by which a person logs in to a server at base, such as "http://127.0.0.1:7878".
func (s *Server) Link(base, annotator string) string {
	return base + "/?" + url.Values{"token": {s.sessions.tokens[annotator]}}.Encode()
}

//go:embed login.html
var loginForm []byte

// entrance goes on to the page. After a link in another site's page, such as webmail, a browser sends no SameSite=Strict
// cookie, nor where that link is redirected; it does when a page of ours goes on. The address with the token in it is
// replaced, so that it stays in no history.
//
//go:embed entrance.html
var entrance []byte

// login takes a token from the form.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	s.enter(w, r, r.PostFormValue("token"))
}

// enter lets the owner of a token in.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, token string) {
	from, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		from = r.RemoteAddr
	}
	if !s.sessions.limit.open(from, time.Now()) {
		w.Header().Set("Retry-After", "60")
		guard.Refuse(w, http.StatusTooManyRequests, "too many wrong tokens; wait a minute")
		return
	}
	if _, ok := s.sessions.owner(token); !ok {
		s.sessions.limit.fail(from)
		guard.Refuse(w, http.StatusUnauthorized, "that is nobody's token; use the address that `labelloop review` prints")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.sessions.cookie, Value: token, Path: "/", HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteStrictMode,
		MaxAge: int((30 * 24 * time.Hour).Seconds()),
	})
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(entrance)
}

// known lets a handler answer those who are logged in.
func (s *Server) known(next func(w http.ResponseWriter, r *http.Request, who string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := s.sessions.who(r)
		if !ok {
			guard.Refuse(w, http.StatusUnauthorized, "you are not logged in; use the address that `labelloop review` prints")
			return
		}
		next(w, r, who)
	})
}

// limiter bounds how many wrong tokens are looked at: ten a minute from each address.
type limiter struct {
	mu     sync.Mutex
	minute time.Time
	failed map[string]int
}

const (
	mostFailures  = 10
	mostAddresses = 10_000 // in a minute; more are an attack
)

func (l *limiter) open(from string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute {
		l.minute, l.failed = now, map[string]int{}
	}
	return l.failed[from] < mostFailures && len(l.failed) < mostAddresses
}

func (l *limiter) fail(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[from]++
}
