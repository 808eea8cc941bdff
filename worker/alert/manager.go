package alert

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/queue"
)

const (
	// roundEvery is how often a round is made, at most a twentieth of the time.
	roundEvery = 15 * time.Second
	firstRound = time.Second
	roundShare = 20
	// calmFor is how long what an alert is about must be gone until it is resolved. Dead letters do not come and go.
	calmFor = time.Minute
)

// Options is what a Manager works with.
type Options struct {
	Config configs.Alerts
	Queue  *queue.Queue
	// Last is what the watcher saw last.
	Last func() metrics.Snapshot
	// First reports whether this is the one of all workers that does what needs doing once.
	First func() bool
	// Relay names this relay to those who are told.
	Relay string
	Log   *zap.Logger
	// Name tells workers apart.
	Name string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Manager judges by the rules and tells the receivers.
type Manager struct {
	Options
	receivers configs.Named[Receiver]
	store     *queue.Bucket[entry]
	letters   causeList
	gone      map[string]time.Time // since when what a firing alert is about is gone
	retry     map[string]retry     // of receivers that did not take a notice

	mu       sync.Mutex
	findings []Finding
	swept    bool // a sweep was made since this worker started
}

// causeList is the causes of dead letters as they were in one state of their stream.
type causeList struct {
	last, messages uint64
	known          bool
	causes         []cause
}

// New makes a manager; the secrets of the receivers must be resolved. It connects to nobody yet.
func New(ctx context.Context, o Options) (*Manager, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Manager{Options: o, gone: map[string]time.Time{}, retry: map[string]retry{}}
	for _, e := range o.Config.Receivers {
		r, err := newReceiver(e.Value)
		if err != nil {
			return nil, fmt.Errorf("alerts.receivers.%s: %w", e.Name, err)
		}
		m.receivers = append(m.receivers, configs.Entry[Receiver]{Name: e.Name, Value: r})
	}
	var err error
	if m.store, err = queue.OpenBucket[entry](ctx, o.Queue, queue.BucketAlerts); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return m, nil
}

// Run makes rounds until ctx ends. It blocks.
func (m *Manager) Run(ctx context.Context) {
	wait := firstRound
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		start := time.Now()
		if m.First() {
			if err := m.Round(ctx); err != nil && ctx.Err() == nil {
				m.Log.Warn("alerts", zap.Error(err))
			}
		}
		wait = max(roundEvery, roundShare*time.Since(start))
	}
}

// Found takes what a sweep found and could not mend.
func (m *Manager) Found(findings []Finding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.findings, m.swept = findings, true
}

// Round judges once and tells what is to be told. Two rounds at once, of two workers, tell it once. It is not safe for
// concurrent use on one Manager. The error is trouble with the queue; a receiver that cannot be reached is logged, and
// told at a later round.
func (m *Manager) Round(ctx context.Context) error {
	f, ok, err := m.look(ctx)
	if err != nil || !ok {
		return err
	}
	active := map[string]Alert{}
	for _, a := range judge(m.Config, f) {
		active[a.ID] = a
	}
	records, err := m.records(ctx)
	if err != nil {
		return err
	}
	if err := m.begin(ctx, active, records); err != nil {
		return err
	}
	if err := m.end(ctx, active, records); err != nil {
		return err
	}
	return m.tellAll(ctx, active, records)
}

// look collects the facts; false where there are none to judge by.
func (m *Manager) look(ctx context.Context) (facts, bool, error) {
	f := facts{Snapshot: m.Last(), now: m.Now()}
	if f.Err != nil || f.At.IsZero() {
		return f, false, nil
	}
	m.mu.Lock()
	f.findings = m.findings
	m.mu.Unlock()
	s := f.Health.Letters
	if !m.letters.known || m.letters.last != s.Last || m.letters.messages != s.Messages {
		causes := causesOf{byID: map[string]*cause{}}
		if err := m.Queue.Letters(ctx, "", func(l queue.Letter) bool { causes.add(l); return true }); err != nil {
			return f, false, fmt.Errorf("alerts: %w", err)
		}
		m.letters = causeList{last: s.Last, messages: s.Messages, known: true}
		for _, c := range causes.all {
			m.letters.causes = append(m.letters.causes, *c)
		}
	}
	f.letters = m.letters.causes
	return f, true, nil
}

// begin records the alerts that are new, and those that have gone on for long enough.
func (m *Manager) begin(ctx context.Context, active map[string]Alert, records map[string]*record) error {
	for id, a := range active {
		delete(m.gone, id)
		if r := records[id]; r != nil && (r.State == Firing || r.State == Pending && m.Now().Sub(r.Since) < a.wait) {
			continue
		}
		r, err := m.change(ctx, id, func(r *record) error {
			now := m.Now()
			if r.State == "" || r.State == Resolved {
				*r = record{Alert: a, State: Pending, Since: now, Told: r.Told}
			}
			if r.State == Pending && now.Sub(r.Since) >= a.wait {
				r.Alert, r.State = a, Firing
			}
			return nil
		})
		if err != nil {
			return err
		}
		records[id] = r
	}
	return nil
}

// end resolves the alerts whose reason is gone.
func (m *Manager) end(ctx context.Context, active map[string]Alert, records map[string]*record) error {
	now := m.Now()
	for id, r := range records {
		if _, on := active[id]; on || r.State == Resolved || r.Rule == Sweeper && !m.hasSwept() {
			continue
		}
		if r.State == Pending {
			if err := m.forget(ctx, id); err != nil {
				return err
			}
			delete(records, id)
			continue
		}
		if m.gone[id].IsZero() {
			m.gone[id] = now
		}
		if r.Rule != DeadLetters && now.Sub(m.gone[id]) < calmFor {
			continue
		}
		changed, err := m.change(ctx, id, func(r *record) error {
			if r.State != Firing {
				return errKeep
			}
			r.State, r.Resolved = Resolved, now
			return nil
		})
		if err != nil {
			return err
		}
		delete(m.gone, id)
		records[id] = changed
	}
	return nil
}

func (m *Manager) hasSwept() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.swept
}
