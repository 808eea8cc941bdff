package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

const (
	watchEvery = time.Second
	// sickFor is how long a server must have been sick: a busy one may look so for a moment.
	sickFor = 5 * time.Second
	// restartMost bounds the pause between two starts of a server that stays sick.
	restartMost = 5 * time.Minute
	// roomForStart is how much the disk must take before a sick server is started again.
	roomForStart = 4 << 20
)

var errDown = errors.New("the embedded queue is down")

// sick says why the server cannot store, or nil.
func (e *embedded) sick() error {
	srv := e.srv.Load()
	if srv == nil {
		return errDown
	}
	if h := srv.Healthz(&server.HealthzOptions{}); h.StatusCode != 200 {
		return errors.New(h.Error)
	}
	return nil
}

// watch starts the server again after it has given up storing: after one write that failed, as on a full disk, JetStream
// takes no more for the stream, however much room there is later (measured, 2.15.2).
func (e *embedded) watch(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	var since, next time.Time
	wait := watchEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		why := e.sick()
		now := time.Now()
		switch {
		case why == nil:
			since, wait = time.Time{}, watchEvery
			continue
		case since.IsZero():
			since = now
			e.log.Error("the embedded queue is not well", zap.Error(why))
			continue
		case now.Sub(since) < sickFor, now.Before(next):
			continue
		}
		if err := e.room(); err != nil {
			continue // it would not come up
		}
		e.log.Warn("starting the embedded queue again", zap.NamedError("why", why))
		e.shutdown()
		if err := e.start(ctx); err != nil {
			e.log.Error("the embedded queue does not start", zap.Error(err))
		}
		wait = min(2*wait, restartMost)
		next = time.Now().Add(wait)
	}
}

// room says why the disk takes no more, or nil.
func (e *embedded) room() error {
	f, err := os.CreateTemp(e.options.StoreDir, "room.*")
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	defer os.Remove(f.Name()) // of no use any more
	_, err = f.Write(make([]byte, roomForStart))
	return errors.Join(err, f.Close())
}
