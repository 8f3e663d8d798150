package review

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
)

// contentPolicy lets a page load and call what comes from this server alone; nothing inline.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard refuses what no handler shall see: requests by a host name that is not the server's (a foreign name that resolves to
// it, DNS rebinding), changes that another site's page sends, and paths that are not in their plain form.
func (s *Server) guard(next http.Handler) http.Handler {
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusForbidden, "another site may not change anything here")
	}))
	next = own.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !slices.Contains(s.Hosts, hostname(r.Host)):
			refuse(w, http.StatusForbidden, "this server does not answer by that host name; use the address that `labelloop review` prints")
		case !plain(r):
			refuse(w, http.StatusNotFound, "there is no such page")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hostname is the name or address of a Host header, in lower case, without port and brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// plain tells whether a path is as it would be written: nothing of it escaped that need not be, no dots, no doubled slashes.
func plain(r *http.Request) bool {
	p := r.URL.Path
	return r.URL.RawPath == "" && strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsAny(p, "\\\x00%:")
}
