package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/configs"
)

const (
	// groupFrom is the number of waiting writes from which one batch is sooner on the disk than each by itself: a batch
	// costs the server some files of its own, about 3 ms.
	groupFrom  = 16
	groupMost  = 256 // of the server's 1,000
	groupBytes = 4 << 20
)

// Headers of JetStream's atomic batches (ADR-50).
const (
	headerBatch       = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
)

// group makes one durable write of the many that wait for a stream whose every write is fsynced: those that come while
// others are being written go together, as one atomic batch. Nobody is answered before the server has all of it on disk.
type group struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu      sync.Mutex
	waiting []*groupWrite
	writing bool
}

type groupWrite struct {
	msg  *nats.Msg
	done chan groupResult // takes one without blocking
}

type groupResult struct {
	ack *jetstream.PubAck
	err error
}

// write stores a message and returns its acknowledgement. It blocks until then or until ctx ends; the message may be
// stored all the same.
func (g *group) write(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	w := &groupWrite{msg: m, done: make(chan groupResult, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if !g.writing {
		g.writing = true
		go g.run()
	}
	g.mu.Unlock()
	select {
	case r := <-w.done:
		return r.ack, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run writes until nothing waits.
func (g *group) run() {
	for batch := g.next(); batch != nil; batch = g.next() {
		g.commit(batch)
	}
}

// next takes what waits, as far as it fits one batch.
func (g *group) next() []*groupWrite {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, bytes := 0, 0
	for n < len(g.waiting) && n < groupMost && (n == 0 || bytes+len(g.waiting[n].msg.Data) <= groupBytes) {
		bytes += len(g.waiting[n].msg.Data)
		n++
	}
	if n == 0 {
		g.writing, g.waiting = false, nil
		return nil
	}
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return batch
}

// commit writes a batch. One that the server refuses, as it does for a single duplicate or lost compare-and-set, is
// written in halves, down to single messages; one without an answer is left to its writers, who know how to repeat.
func (g *group) commit(batch []*groupWrite) {
	ctx, cancel := context.WithTimeout(context.Background(), tryWithin)
	defer cancel()
	if len(batch) < groupFrom {
		g.singly(ctx, batch)
		return
	}
	last, err := g.publish(ctx, batch)
	var refused *jetstream.APIError
	if errors.As(err, &refused) {
		g.commit(batch[:len(batch)/2])
		g.commit(batch[len(batch)/2:])
		return
	}
	for i, w := range batch {
		if err != nil {
			w.done <- groupResult{err: err}
			continue
		}
		w.done <- groupResult{ack: &jetstream.PubAck{Stream: last.Stream, Sequence: last.Sequence - uint64(len(batch)-1-i)}} //nolint:gosec // within the batch
	}
}

func (g *group) singly(ctx context.Context, batch []*groupWrite) {
	var wg sync.WaitGroup
	for _, w := range batch {
		wg.Go(func() {
			ack, err := g.js.PublishMsg(ctx, w.msg)
			w.done <- groupResult{ack, err}
		})
	}
	wg.Wait()
}

// publish stores all or nothing of a batch and returns the acknowledgement of its last message.
func (g *group) publish(ctx context.Context, batch []*groupWrite) (last jetstream.PubAck, err error) {
	id := rand.Text()
	for i, w := range batch {
		m := &nats.Msg{Subject: w.msg.Subject, Data: w.msg.Data, Header: maps.Clone(w.msg.Header)}
		m.Header.Set(headerBatch, id)
		m.Header.Set(headerBatchSeq, strconv.Itoa(i+1))
		if i < len(batch)-1 {
			if err := g.nc.PublishMsg(m); err != nil {
				return last, err
			}
			continue
		}
		m.Header.Set(headerBatchCommit, "1")
		answer, err := g.nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return last, err
		}
		return parseBatchAck(answer.Data)
	}
	return last, nil
}

func parseBatchAck(data []byte) (jetstream.PubAck, error) {
	var answer struct {
		jetstream.PubAck
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer.PubAck, fmt.Errorf("acknowledgement of a batch: %w", err)
	}
	if answer.Error != nil {
		return answer.PubAck, answer.Error
	}
	return answer.PubAck, nil
}

// makeGroups groups the streams whose writes go together: those ingest writes to, where every write is fsynced by itself.
func (q *Queue) makeGroups() {
	if q.srv == nil || q.cfg.Durability != configs.Strict {
		return
	}
	q.groups = map[string]*group{}
	for _, stream := range groupedStreams() {
		q.groups[stream] = &group{nc: q.nc, js: q.js}
	}
}

func groupedStreams() []string { return []string{streamEvents, streamOf(BucketEvents)} }

// storeMsg stores a message with all its headers set, in a group where its stream has one.
func (q *Queue) storeMsg(ctx context.Context, stream string, m *nats.Msg) (*jetstream.PubAck, error) {
	if g := q.groups[stream]; g != nil {
		return g.write(ctx, m)
	}
	return q.js.PublishMsg(ctx, m)
}
