package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Health is what can be seen of the queue from outside: sizes, ages and limits, nothing of what is stored.
type Health struct {
	// RTT is how long the server takes to answer at all; Reconnects counts those of this process.
	RTT        time.Duration
	Reconnects uint64
	Streams    []StreamHealth
	// Events is the work queue, Letters the dead letters; they stand among Streams, too.
	Events, Letters StreamHealth
	Lanes           []LaneHealth
	// Due are runs whose time has come and that are not back in their lane yet.
	Due int
	// Scheduled and Dead count waiting runs and dead letters by pipeline.
	Scheduled, Dead map[string]int
	// Stored is what the whole store holds, in bytes; StoreLimit is 0 where nothing bounds it.
	Stored, StoreLimit int64
	// Disk is that of an embedded queue; zero where a cluster has its own.
	Disk DiskHealth
}

// StreamHealth is one stream or bucket.
type StreamHealth struct {
	Name     string // EV, or KV_journal of a bucket
	Messages uint64
	Bytes    uint64
	Limit    int64  // of bytes, 0 where there is none
	Last     uint64 // sequence of the newest message
}

// LaneHealth is the backlog of one lane.
type LaneHealth struct {
	LaneState
	// Redelivered counts the messages in work that came more than once; Pulls the requests of workers that wait.
	Redelivered, Pulls int
	// Oldest is when the oldest message of the lane was stored; zero for an empty lane.
	Oldest time.Time
	floor  uint64 // every message up to it is settled
}

const lookWithin = 30 * time.Second

// Monitor looks at the queue's health again and again and remembers what it need not ask twice. It is not safe for
// concurrent use.
type Monitor struct {
	q         *Queue
	pipelines []string
	oldest    map[string]oldest
	counts    map[string]count
}

type oldest struct {
	sequence uint64
	at       time.Time
}

// count is what was counted in a stream, and in which state of it.
type count struct {
	last, messages uint64
	by             map[string]int
}

// Monitor makes a monitor, which counts by the given pipelines.
func (q *Queue) Monitor(pipelines []string) *Monitor {
	return &Monitor{q: q, pipelines: pipelines, oldest: map[string]oldest{}, counts: map[string]count{}}
}

// Look asks the server: a handful of requests, one more for each lane with a backlog, and two for each pipeline where runs
// came to wait or died since the last look. It blocks until then, at most for 30 s.
func (m *Monitor) Look(ctx context.Context) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	h := Health{Reconnects: m.q.nc.Stats().Reconnects}
	start := time.Now()
	if err := m.q.nc.FlushWithContext(ctx); err != nil {
		return h, fmt.Errorf("queue: ping: %w", err)
	}
	h.RTT = time.Since(start)
	if err := m.streams(ctx, &h); err != nil {
		return h, err
	}
	if err := m.lanes(ctx, &h); err != nil {
		return h, err
	}
	mover, err := m.q.js.Consumer(ctx, streamRetry, moverName)
	if err == nil {
		i := mover.CachedInfo()
		h.Due = int(i.NumPending) + i.NumAckPending //nolint:gosec // counts
	}
	if h.Stored, h.StoreLimit, err = m.q.store(ctx); err != nil {
		return h, err
	}
	if m.q.srv != nil {
		h.Disk, err = m.q.disk.look(ctx, m.q.cfg.Data)
	}
	return h, err
}

// store is how much the whole store holds and may hold, in bytes; no limit is 0.
func (q *Queue) store(ctx context.Context) (used, limit int64, err error) {
	info, err := q.js.AccountInfo(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("queue: store: %w", err)
	}
	limit = info.Limits.MaxStore
	if q.srv != nil {
		limit = int64(q.cfg.MaxStore)
	}
	return int64(info.Store), max(limit, 0), nil //nolint:gosec // bytes on a disk
}

func (m *Monitor) streams(ctx context.Context, h *Health) error {
	list := m.q.js.ListStreams(ctx)
	for s := range list.Info() {
		if !m.q.owns(s.Config.Name) {
			continue // of others in the same cluster
		}
		health := StreamHealth{
			Name: s.Config.Name, Messages: s.State.Msgs, Bytes: s.State.Bytes, Limit: max(s.Config.MaxBytes, 0), Last: s.State.LastSeq,
		}
		h.Streams = append(h.Streams, health)
		var err error
		switch s.Config.Name {
		case streamEvents:
			h.Events = health
		case streamDead:
			h.Letters = health
			h.Dead, err = m.count(ctx, s, "dead")
		case streamRetry:
			h.Scheduled, err = m.count(ctx, s, "retry")
		}
		if err != nil {
			return err
		}
	}
	if err := list.Err(); err != nil {
		return fmt.Errorf("queue: streams: %w", err)
	}
	return nil
}

// owns reports whether a stream is one of the relay's.
func (q *Queue) owns(name string) bool {
	if name == "OBJ_"+payloadStore {
		return true
	}
	for _, s := range q.streams() {
		if s.Name == name {
			return true
		}
	}
	return false
}

// count counts the messages of a stream for each pipeline; a run has at most one in it.
func (m *Monitor) count(ctx context.Context, s *jetstream.StreamInfo, prefix string) (map[string]int, error) {
	name, state := s.Config.Name, s.State
	if known := m.counts[name]; known.by != nil && known.last == state.LastSeq && known.messages == state.Msgs {
		return known.by, nil
	}
	by := map[string]int{}
	for _, p := range m.pipelines {
		if state.Msgs == 0 {
			by[p] = 0
			continue
		}
		n, err := m.q.subjects(ctx, name, prefix+"."+p+".*")
		if err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		by[p] = n
	}
	m.counts[name] = count{last: state.LastSeq, messages: state.Msgs, by: by}
	return by, nil
}

func (m *Monitor) lanes(ctx context.Context, h *Health) error {
	lanes, err := m.q.laneHealth(ctx)
	if err != nil {
		return err
	}
	seen := map[string]oldest{}
	for _, l := range lanes {
		if l.Waiting+l.InWork > 0 {
			first, err := m.first(ctx, l)
			if err != nil {
				return err
			}
			l.Oldest, seen[l.Lane] = first.at, first
		}
		h.Lanes = append(h.Lanes, l)
	}
	m.oldest = seen
	return nil
}

// laneHealth lists the lanes that have a consumer, without the ages of their messages.
func (q *Queue) laneHealth(ctx context.Context) ([]LaneHealth, error) {
	s, err := q.js.Stream(ctx, streamEvents)
	if err != nil {
		return nil, fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	var lanes []LaneHealth
	consumers := s.ListConsumers(ctx)
	for c := range consumers.Info() {
		if name, ok := strings.CutPrefix(c.Name, lanePrefix); ok {
			lanes = append(lanes, LaneHealth{
				LaneState:   LaneState{Lane: name, Waiting: int(c.NumPending), InWork: c.NumAckPending}, //nolint:gosec // counts
				Redelivered: c.NumRedelivered, Pulls: c.NumWaiting, floor: c.AckFloor.Stream,
			})
		}
	}
	if err := consumers.Err(); err != nil {
		return nil, fmt.Errorf("queue: lanes: %w", err)
	}
	return lanes, nil
}

// first finds the oldest message of a lane. The one found before is still the oldest while it is not settled.
func (m *Monitor) first(ctx context.Context, l LaneHealth) (oldest, error) {
	if known, ok := m.oldest[l.Lane]; ok && known.sequence > l.floor {
		return known, nil
	}
	s, err := m.q.js.Stream(ctx, streamEvents)
	if err != nil {
		return oldest{}, fmt.Errorf("queue: stream %s: %w", streamEvents, err)
	}
	msg, err := s.GetMsg(ctx, max(l.floor, 1), jetstream.WithGetMsgSubject("ev."+l.Lane+".>"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return oldest{}, nil // settled meanwhile
	}
	if err != nil {
		return oldest{}, fmt.Errorf("queue: lane %s: %w", l.Lane, err)
	}
	return oldest{sequence: msg.Sequence, at: msg.Time}, nil
}
