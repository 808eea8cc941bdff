package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Oldest is the oldest NATS server whose work queues keep pending schedules on replicas (nats-server issue 8423).
const Oldest = "2.14.9"

// smallestPayload is what one message of the relay may need: a sealed payload of 1 MiB with its letter.
const smallestPayload = 2 << 20

// Examination is what Examine found.
type Examination struct {
	// Server is the version; TooOld says that it is older than Oldest.
	Server string
	TooOld bool
	// MaxPayload the server takes; TooSmall says that it is too small.
	MaxPayload int64
	TooSmall   bool
	// Missing streams, and what differs in the others from the configuration.
	Missing []string
	Drift   map[string][]string
	// Behind are the streams without a leader, or with a replica that is away or not current.
	Behind []string
	// Stored and StoreLimit of the account in bytes, 0 for no limit.
	Stored, StoreLimit int64
	// Write is the median time until the queue has stored something durably, WorstWrite the longest of Writes.
	Writes            int
	Write, WorstWrite time.Duration
	// Health of streams and, where this process serves the queue, the disk.
	Health Health
}

// Examine looks at the queue as rossum-relay doctor does. It writes some small messages into the history, which it
// deletes again, and changes nothing else. It blocks until the server answers or ctx ends.
func (q *Queue) Examine(ctx context.Context) (Examination, error) {
	x := Examination{Server: q.nc.ConnectedServerVersion(), MaxPayload: q.nc.MaxPayload(), Drift: map[string][]string{}}
	x.TooOld = older(x.Server, Oldest)
	x.TooSmall = x.MaxPayload < smallestPayload
	for _, want := range q.streams() {
		s, err := q.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			x.Missing = append(x.Missing, want.Name)
			continue
		}
		if err != nil {
			return x, fmt.Errorf("queue: stream %s: %w", want.Name, err)
		}
		if drift := driftOf(s.CachedInfo().Config, want); len(drift) > 0 {
			x.Drift[want.Name] = drift
		}
		if behind(s.CachedInfo().Cluster, want.Replicas) {
			x.Behind = append(x.Behind, want.Name)
		}
	}
	var err error
	if x.Stored, x.StoreLimit, err = q.store(ctx); err != nil {
		return x, err
	}
	if x.Health, err = q.Monitor(nil).Look(ctx); err != nil {
		return x, err
	}
	return x, q.timeWrites(ctx, &x)
}

// behind reports whether a stream lacks its leader or a current replica.
func behind(c *jetstream.ClusterInfo, replicas int) bool {
	if replicas <= 1 || c == nil {
		return false
	}
	return c.Leader == "" || len(c.Replicas) < replicas-1 ||
		slices.ContainsFunc(c.Replicas, func(p *jetstream.PeerInfo) bool { return p.Offline || !p.Current })
}

const examineSubject = "hist.doctor.examine"

func (q *Queue) timeWrites(ctx context.Context, x *Examination) error {
	const writes = 20
	var took []time.Duration
	for range writes {
		m := nats.NewMsg(examineSubject)
		m.Data = q.ring.Seal(historyPlace("examine"), []byte("x"))
		start := time.Now()
		if _, err := q.publishOnce(ctx, streamHistory, m); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	x.Writes, x.Write, x.WorstWrite = writes, took[writes/2], took[writes-1]
	s, err := q.js.Stream(ctx, streamHistory)
	if err != nil {
		return fmt.Errorf("queue: stream %s: %w", streamHistory, err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(examineSubject)); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// older compares versions such as 2.14.9 and 2.15.0-beta.1; what is no version is not older.
func older(version, than string) bool {
	parse := func(v string) (n [3]int, ok bool) {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "-")
		_, err := fmt.Sscanf(v, "%d.%d.%d", &n[0], &n[1], &n[2])
		return n, err == nil
	}
	a, okA := parse(version)
	b, okB := parse(than)
	return okA && okB && slices.Compare(a[:], b[:]) < 0
}
