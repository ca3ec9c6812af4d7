package gallery

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Serve answers requests until ctx ends, and then finishes those under way, for a few seconds at most.
// Errors: why the listener failed; nil if ctx ended it.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	const patience = 5 * time.Second
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := server.Shutdown(last)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close() // whoever is still reading has to ask again
		}
		stopped <- err
	})
	err := server.Serve(listener)
	if stop() {
		return err // it ended by itself
	}
	return <-stopped
}
