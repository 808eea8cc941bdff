package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Check is one thing that must be so for the queue to take events.
type Check struct {
	// Name is one of connection, server, streams, space and disk.
	Name string `json:"name"`
	// Problem says for people why it is not so; empty where it is.
	Problem string `json:"problem,omitempty"`
}

// Check says whether the queue can take events now and if not, why. What cannot be asked as something before it failed is
// left out. It asks the server and blocks until its answers or ctx's end.
func (q *Queue) Check(ctx context.Context) []Check {
	checks := []struct {
		name string
		ask  func(context.Context) error
	}{{"connection", q.checkConnection}, {"server", q.checkServer}, {"disk", q.checkDisk}, {"streams", q.checkStreams}, {"space", q.checkSpace}}
	var all []Check
	for _, c := range checks {
		err := c.ask(ctx)
		if err == nil {
			all = append(all, Check{Name: c.name})
			continue
		}
		all = append(all, Check{Name: c.name, Problem: strings.TrimPrefix(err.Error(), "queue: ")})
		if c.name != "disk" {
			return all
		}
	}
	return all
}

// Readiness is Check for a probe: its answer as JSON, {"status": ..., "checks": [...]}.
func (q *Queue) Readiness(ctx context.Context) (ready bool, body []byte) {
	answer := struct {
		Status string  `json:"status"`
		Checks []Check `json:"checks"`
	}{"ready", q.Check(ctx)}
	ready = !slices.ContainsFunc(answer.Checks, func(c Check) bool { return c.Problem != "" })
	if !ready {
		answer.Status = "not ready"
	}
	body, err := json.Marshal(answer)
	return ready && err == nil, body
}

// Ready says why the queue cannot take events now, or nil; see Check.
func (q *Queue) Ready(ctx context.Context) error {
	var errs []error
	for _, c := range q.Check(ctx) {
		if c.Problem != "" {
			errs = append(errs, errors.New("queue: "+c.Problem))
		}
	}
	return errors.Join(errs...)
}

func (q *Queue) checkConnection(context.Context) error {
	if !q.nc.IsConnected() {
		return errors.New("not connected")
	}
	return nil
}

// checkServer asks the embedded server about itself: an I/O error freezes a stream and fails its health.
func (q *Queue) checkServer(context.Context) error {
	if q.srv == nil {
		return nil
	}
	if err := q.srv.sick(); err != nil {
		return fmt.Errorf("the server is not well: %w", err)
	}
	return nil
}

func (q *Queue) checkDisk(ctx context.Context) error {
	if q.srv == nil {
		return nil
	}
	_, err := q.disk.look(ctx, q.cfg.Data)
	return err
}

func (q *Queue) checkStreams(ctx context.Context) error {
	there := map[string]bool{}
	list := q.js.StreamNames(ctx)
	for name := range list.Name() {
		there[name] = true
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("streams cannot be listed: %w", err)
	}
	var missing []string
	for _, s := range q.streams() {
		if !there[s.Name] {
			missing = append(missing, s.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing streams: %s; a restart makes them anew", strings.Join(missing, ", "))
	}
	return nil
}

func (q *Queue) checkSpace(ctx context.Context) error {
	s, err := q.js.Stream(ctx, streamEvents)
	if err != nil {
		return fmt.Errorf("stream %s: %w", streamEvents, err)
	}
	// the largest message must fit
	if limit := s.CachedInfo().Config.MaxBytes; limit > 0 && int64(s.CachedInfo().State.Bytes) > limit-min(inlineLimit, limit/8) { //nolint:gosec // bytes on a disk
		return fmt.Errorf("stream %s is full (%d bytes)", streamEvents, limit)
	}
	used, limit, err := q.store(ctx)
	if err == nil && limit > 0 && used >= limit {
		err = fmt.Errorf("the store is full (%d bytes)", limit)
	}
	return err
}
