// Package guard holds what the servers of this program share: what they refuse before a handler sees it, how they answer, and
// how they stop.
package guard

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
)

// ContentPolicy lets a page load and call what comes from this server alone; nothing inline.
const ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// New refuses what no handler shall see: requests by a host name that is none of hosts (a foreign name that resolves to the
// server, DNS rebinding), changes that another site's page sends, and paths that are not in their plain form. Hosts are names
// and addresses in lower case without a port; verb is the one that prints the address.
func New(next http.Handler, hosts []string, verb string) http.Handler {
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Refuse(w, http.StatusForbidden, "another site may not change anything here")
	}))
	next = own.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", ContentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !slices.Contains(hosts, hostname(r.Host)):
			Refuse(w, http.StatusForbidden, "this server does not answer by that host name; use the address that `labelloop "+verb+"` prints")
		case !plain(r):
			Refuse(w, http.StatusNotFound, "there is no such page")
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
