package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/rossum-relay/rossum-relay/configs"
)

const (
	// noticeMost is how many alerts one notice holds; the rest comes with the next round.
	noticeMost = 20
	sendWithin = 20 * time.Second
	leaseFor   = 3 * sendWithin
	// retryFirst is how long a receiver that failed is left alone, doubled up to retryMost.
	retryFirst = 30 * time.Second
	retryMost  = 15 * time.Minute
)

// retry is when a receiver that failed is tried again.
type retry struct {
	at   time.Time
	wait time.Duration
}

// tellAll tells each receiver what it does not know, all of them at once: one that hangs delays no other.
func (m *Manager) tellAll(ctx context.Context, active map[string]Alert, records map[string]*record) error {
	var g errgroup.Group
	failed := make([]error, len(m.receivers))
	for i, r := range m.receivers {
		if m.Now().Before(m.retry[r.Name].at) || len(m.untold(r.Name, active, records)) == 0 {
			continue
		}
		g.Go(func() (err error) {
			failed[i], err = m.tell(ctx, r, active)
			return err
		})
	}
	err := g.Wait()
	for i, r := range m.receivers {
		m.note(r.Name, failed[i])
	}
	return errors.Join(err, m.forgetTold(ctx))
}

// note plans when a receiver that failed is tried again.
func (m *Manager) note(receiver string, failed error) {
	if failed == nil {
		if !m.Now().Before(m.retry[receiver].at) {
			delete(m.retry, receiver)
		}
		return
	}
	wait := min(max(2*m.retry[receiver].wait, retryFirst), retryMost)
	m.retry[receiver] = retry{at: m.Now().Add(wait), wait: wait}
	m.Log.Warn("a receiver of alerts was not reached; it is told later", zap.String("receiver", receiver), zap.Duration("in", wait), zap.Error(failed))
}

// tell tells one receiver, if no other worker does. failed is the receiver's error, err the queue's.
func (m *Manager) tell(ctx context.Context, r configs.Entry[Receiver], active map[string]Alert) (failed, err error) {
	mine, err := m.lease(ctx, r.Name)
	if err != nil || !mine {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.release(context.WithoutCancel(ctx), r.Name)) }()
	records, err := m.records(ctx) // again: another worker may have told it until now
	if err != nil {
		return nil, err
	}
	todo := m.untold(r.Name, active, records)
	if len(todo) == 0 {
		return nil, nil
	}
	todo = todo[:min(len(todo), noticeMost)]
	sendCtx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if failed := r.Value.Send(sendCtx, Notice{Version: 1, Relay: m.Relay, At: m.Now().UTC(), Alerts: todo}); failed != nil {
		return failed, nil
	}
	for _, t := range todo {
		_, err := m.change(ctx, t.ID, func(rec *record) error {
			if rec.State == "" {
				return errKeep // forgotten meanwhile
			}
			if rec.Told == nil {
				rec.Told = map[string]told{}
			}
			rec.Told[r.Name] = told{State: t.State, At: m.Now()}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("told %s, and may tell again: %w", r.Name, err)
		}
	}
	return nil, nil
}

// untold is what a receiver does not know yet, what is critical first. Numbers are those of now.
func (m *Manager) untold(receiver string, active map[string]Alert, records map[string]*record) []Told {
	var todo []Told
	for _, r := range records {
		t := Told{Alert: r.Alert, State: r.State, Since: r.Since.UTC(), Resolved: r.Resolved.UTC()}
		if a, on := active[r.ID]; on {
			t.Alert = a
		}
		before := r.Told[receiver]
		repeat := m.Config.Repeat.D()
		t.Again = r.State == Firing && before.State == Firing
		due := before.State != r.State || t.Again && repeat > 0 && m.Now().Sub(before.At) >= repeat
		if r.State != Pending && due {
			todo = append(todo, t)
		}
	}
	slices.SortFunc(todo, func(a, b Told) int {
		if a.Severity != b.Severity {
			return strings.Compare(string(a.Severity), string(b.Severity)) // critical, warning
		}
		return strings.Compare(a.ID, b.ID)
	})
	return todo
}

// forgetTold deletes the resolved alerts that every receiver knows of.
func (m *Manager) forgetTold(ctx context.Context) error {
	records, err := m.records(ctx)
	if err != nil {
		return err
	}
	for id, r := range records {
		known := !slices.ContainsFunc(m.receivers, func(e configs.Entry[Receiver]) bool { return r.Told[e.Name].State != Resolved })
		if r.State != Resolved || !known {
			continue
		}
		if err := m.forget(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Try sends a receiver a notice that says it is a test. Its secrets must be resolved. It blocks, at most for 20 s; the
// error holds no secret.
func Try(ctx context.Context, cfg configs.Receiver, relay string) error {
	r, err := newReceiver(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	now := time.Now().UTC()
	a := Alert{ID: "test", Rule: "test", Severity: Warning, Summary: "this is a test: alerts of this relay reach you here"}
	return r.Send(ctx, Notice{Version: 1, Relay: relay, At: now, Alerts: []Told{{Alert: a, State: Firing, Since: now}}})
}
