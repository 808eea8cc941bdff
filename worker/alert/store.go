package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/queue"
)

// entry is a value of the bucket: an alert, or the lease of who tells a receiver.
type entry struct {
	Alert *record `json:"alert,omitempty"`
	Lease *lease  `json:"lease,omitempty"`
}

// record is an alert and whom it was told.
type record struct {
	Alert
	State    State           `json:"state"`
	Since    time.Time       `json:"since"`
	Resolved time.Time       `json:"resolved,omitzero"`
	Told     map[string]told `json:"told,omitempty"` // by receiver
}

// told is what a receiver was told last about an alert.
type told struct {
	State State     `json:"state"`
	At    time.Time `json:"at"`
}

// lease lets one worker tell a receiver, for as long as telling may take.
type lease struct {
	Owner string    `json:"owner"`
	Until time.Time `json:"until"`
}

func (m *Manager) key(id string) string { return m.Queue.Index("alert", id) }

// records reads every alert there is.
func (m *Manager) records(ctx context.Context) (map[string]*record, error) {
	all := map[string]*record{}
	err := m.store.Each(ctx, func(_ string, e entry, _ uint64) error {
		if e.Alert != nil {
			all[e.Alert.ID] = e.Alert
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return all, nil
}

// errKeep ends a change that has nothing to write.
var errKeep = errors.New("nothing to change")

// change changes an alert's record by compare-and-set; the zero record where there is none. f may end it with errKeep.
func (m *Manager) change(ctx context.Context, id string, f func(*record) error) (*record, error) {
	e, err := m.store.Change(ctx, m.key(id), func(e *entry) error {
		if e.Alert == nil {
			e.Alert = &record{}
		}
		return f(e.Alert)
	})
	if err != nil && !errors.Is(err, errKeep) {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return e.Alert, nil
}

// forget deletes an alert, unless it came back meanwhile.
func (m *Manager) forget(ctx context.Context, id string) error {
	e, revision, err := m.store.Get(ctx, m.key(id))
	if err == nil && e.Alert.State != Firing {
		err = m.store.Delete(ctx, m.key(id), revision)
	}
	if err != nil && !errors.Is(err, queue.ErrNotFound) && !errors.Is(err, queue.ErrConflict) {
		return fmt.Errorf("alerts: %w", err)
	}
	return nil
}

var errLeased = errors.New("another worker tells the receiver")

// lease takes the right to tell a receiver; false where another worker has it.
func (m *Manager) lease(ctx context.Context, receiver string) (bool, error) {
	now := m.Now()
	_, err := m.store.Change(ctx, m.Queue.Index("receiver", receiver), func(e *entry) error {
		if e.Lease != nil && e.Lease.Owner != m.Name && now.Before(e.Lease.Until) {
			return errLeased
		}
		e.Lease = &lease{Owner: m.Name, Until: now.Add(leaseFor)}
		return nil
	})
	if errors.Is(err, errLeased) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("alerts: %w", err)
	}
	return true, nil
}

func (m *Manager) release(ctx context.Context, receiver string) error {
	_, err := m.store.Change(ctx, m.Queue.Index("receiver", receiver), func(e *entry) error {
		if e.Lease != nil && e.Lease.Owner == m.Name {
			e.Lease.Until = time.Time{}
		}
		return nil
	})
	return err
}
