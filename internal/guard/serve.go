package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// StopTerm is how long a server that stops waits for what it is answering.
const StopTerm = 10 * time.Second

// Serve answers on a listener until ctx ends, and then finishes what it has begun. With the files of a certificate and its
// key it speaks TLS.
func Serve(ctx context.Context, l net.Listener, handler http.Handler, certificate, key string) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	served := make(chan error, 1)
	go func() {
		if certificate != "" {
			served <- server.ServeTLS(l, certificate, key)
		} else {
			served <- server.Serve(l)
		}
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTerm)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("stop serving on %s: %w", l.Addr(), err), server.Close())
	}
	return nil
}
