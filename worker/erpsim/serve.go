package erpsim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// stopTimeout is how long a stopping server waits for calls to end.
const stopTimeout = 5 * time.Second

// Serve runs a simulator on a TCP address until the context ends, which is no error. It blocks.
func Serve(ctx context.Context, opts Options, addr string) error {
	for _, rule := range opts.Faults {
		if err := rule.validate(); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("erp simulator: %w", err)
	}
	return New(opts).Serve(ctx, l)
}

// Serve answers on a listener until the context ends, which is no error, then closes listener and simulator. It blocks.
func (s *Sim) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.Close()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	s.Close()
	if !stop() { // the context has ended
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("erp simulator: %w", err)
}
