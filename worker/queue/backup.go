package queue

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	backupFormat = "rossum-relay.backup/1"
	// pauseFor is how long a backup that dies lets the lanes rest at most.
	pauseFor = 10 * time.Minute
	// settleWithin is how long a backup waits for runs in work.
	settleWithin = 30 * time.Second
	maxFrame     = 64 << 10 // of a frame without its data
	maxStored    = 32 << 20 // the server stores no larger message
	maxObject    = 512 << 20
)

// Backup describes a backup: its first and its last frame.
type Backup struct {
	Format string    `json:"format"`
	At     time.Time `json:"at"`
	// Keys are the ids of the ring, the sealing one first. The keys themselves are not in the backup.
	Keys []string `json:"keys"`
	// InWork counts messages that workers did not give back in time; their runs may end as lost when restored.
	InWork int `json:"in_work"`
	// Messages of each stream, and payloads of the object store.
	Messages map[string]int `json:"messages,omitempty"`
}

// frame is one message of a backup; its data follow it.
type frame struct {
	Stream  string      `json:"stream"`
	Subject string      `json:"subject"` // the name of a payload
	At      time.Time   `json:"at"`
	Header  nats.Header `json:"header,omitempty"`
	Size    int         `json:"size"`
}

// The streams of a backup in the order they are copied. The first part is copied while no run moves. Messages come before
// the records they belong to, as a run without a message waits for ever but a message without news is harmless; the
// ledger comes after all that can send, so that it knows at least what they do. What is in none means nothing later.
func backupOrder() (resting, moving []string) {
	return []string{
			streamEvents, streamRetry, streamDead, streamUnrouted, payloadStore, streamOf(BucketJournal), streamOf(BucketOrder),
			streamOf(BucketEvents), streamOf(BucketAnswers),
		}, []string{
			streamOf(BucketLedger), streamOf(BucketHolds), streamHistory, streamOf(BucketTokens),
		}
}

// Backup writes everything stored to w, sealed as it is, and returns what it wrote. Beside running processes it lets the
// lanes rest meanwhile: events are taken, deliveries wait. It blocks until all is written or ctx ends.
func (q *Queue) Backup(ctx context.Context, w io.Writer) (b Backup, err error) {
	b = Backup{Format: backupFormat, At: time.Now().UTC(), Keys: q.ring.KeyIDs(), Messages: map[string]int{}}
	resume, err := q.rest(ctx, &b)
	defer func() {
		if resume != nil {
			err = errors.Join(err, resume())
		}
	}()
	if err != nil {
		return b, err
	}
	out := gzip.NewWriter(w)
	head := b
	head.Messages = nil
	if err := writeFrame(out, head, nil); err != nil {
		return b, err
	}
	resting, moving := backupOrder()
	if err := q.copyOut(ctx, out, resting, &b); err != nil {
		return b, err
	}
	if err := resume(); err != nil {
		return b, err
	}
	resume = nil
	if err := q.copyOut(ctx, out, moving, &b); err != nil {
		return b, err
	}
	if err := writeFrame(out, b, nil); err != nil {
		return b, err
	}
	if err := out.Close(); err != nil {
		return b, fmt.Errorf("write backup: %w", err)
	}
	return b, nil
}

// rest lets no worker take a run any more and waits for those in work. resume, which is never nil without an error, ends
// that; it ends by itself too.
func (q *Queue) rest(ctx context.Context, b *Backup) (resume func() error, err error) {
	type consumer struct{ stream, name string }
	var all []consumer
	for _, stream := range []string{streamEvents, streamRetry} {
		s, err := q.js.Stream(ctx, stream)
		if err != nil {
			return nil, fmt.Errorf("queue: stream %s: %w", stream, err)
		}
		names := s.ConsumerNames(ctx)
		for name := range names.Name() {
			all = append(all, consumer{stream, name})
		}
		if err := names.Err(); err != nil {
			return nil, fmt.Errorf("queue: consumers of %s: %w", stream, err)
		}
	}
	resume = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackWithin)
		defer cancel()
		var errs []error
		for _, c := range all {
			if _, err := q.js.ResumeConsumer(ctx, c.stream, c.name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				errs = append(errs, fmt.Errorf("queue: resume %s: %w", c.name, err))
			}
		}
		return errors.Join(errs...)
	}
	for _, c := range all {
		if _, err := q.js.PauseConsumer(ctx, c.stream, c.name, time.Now().Add(pauseFor)); err != nil {
			return resume, fmt.Errorf("queue: pause %s: %w", c.name, err)
		}
	}
	for until := time.Now().Add(settleWithin); ; pause(ctx, retryPause) {
		b.InWork = 0
		for _, c := range all {
			cons, err := q.js.Consumer(ctx, c.stream, c.name)
			if err != nil {
				return resume, fmt.Errorf("queue: consumer %s: %w", c.name, err)
			}
			b.InWork += cons.CachedInfo().NumAckPending
		}
		if b.InWork == 0 || time.Now().After(until) || ctx.Err() != nil {
			return resume, ctx.Err()
		}
	}
}

func (q *Queue) copyOut(ctx context.Context, w io.Writer, streams []string, b *Backup) error {
	for _, stream := range streams {
		var err error
		if stream == payloadStore {
			err = q.copyObjects(ctx, w, b)
		} else {
			err = q.messages(ctx, stream, func(m stored) error {
				if m.header.Get(kvOperation) != "" {
					return nil // a deleted key
				}
				b.Messages[stream]++
				f := frame{Stream: stream, Subject: m.subject, At: firstStored(m.header, m.at).UTC(), Header: copied(m.header), Size: len(m.data)}
				return writeFrame(w, f, m.data)
			})
		}
		if err != nil {
			return fmt.Errorf("backup of %s: %w", stream, err)
		}
	}
	return nil
}

func (q *Queue) copyObjects(ctx context.Context, w io.Writer, b *Backup) error {
	return q.Objects(ctx, func(_ run.ID, p Payload, at time.Time) error {
		data, err := q.object.GetBytes(ctx, p.object)
		if errors.Is(err, jetstream.ErrObjectNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		b.Messages[payloadStore]++
		return writeFrame(w, frame{Stream: payloadStore, Subject: p.object, At: at.UTC(), Size: len(data)}, data)
	})
}

func writeFrame(w io.Writer, head any, data []byte) error {
	text, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	for _, part := range [][]byte{binary.AppendUvarint(nil, uint64(len(text))), text, data} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write backup: %w", err)
		}
	}
	return nil
}

// ReadBackup reads a whole backup and says what is in it. The error says that it is none, or damaged, or cut.
func ReadBackup(r io.Reader) (Backup, error) {
	return readBackup(r, func(Backup) error { return nil }, func(frame, []byte) error { return nil })
}

// readBackup calls begin with the first frame, then each with every message, and returns the last frame.
func readBackup(r io.Reader, begin func(Backup) error, each func(frame, []byte) error) (Backup, error) {
	var first, last Backup
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return last, fmt.Errorf("not a backup of rossum-relay: %w", err)
	}
	in := bufio.NewReader(zipped)
	text, err := readFrame(in)
	if err == nil {
		err = json.Unmarshal(text, &first)
	}
	if err != nil || first.Format != backupFormat {
		return last, errors.New("not a backup of rossum-relay, or of another version")
	}
	if err := begin(first); err != nil {
		return last, err
	}
	counts := map[string]int{}
	for {
		text, err := readFrame(in)
		if err != nil {
			return last, fmt.Errorf("the backup is cut or damaged: %w", err)
		}
		var f frame
		if err := json.Unmarshal(text, &f); err != nil {
			return last, fmt.Errorf("the backup is damaged: %w", err)
		}
		if f.Stream == "" {
			if err := json.Unmarshal(text, &last); err != nil || fmt.Sprint(last.Messages) != fmt.Sprint(counts) {
				return last, errors.New("the backup is damaged: it holds other messages than its end says")
			}
			_, err := io.Copy(io.Discard, in) // the checksum is at the end
			return last, err
		}
		data, err := readData(in, f)
		if err != nil {
			return last, fmt.Errorf("the backup is cut or damaged: %w", err)
		}
		counts[f.Stream]++
		if err := each(f, data); err != nil {
			return last, err
		}
	}
}

func readFrame(in *bufio.Reader) ([]byte, error) {
	size, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if size > maxFrame {
		return nil, errors.New("a frame is too large")
	}
	text := make([]byte, size)
	_, err = io.ReadFull(in, text)
	return text, err
}

// readData grows with what comes, whatever size the frame claims.
func readData(in *bufio.Reader, f frame) ([]byte, error) {
	limit := maxStored
	if f.Stream == payloadStore {
		limit = maxObject
	}
	if f.Size < 0 || f.Size > limit {
		return nil, errors.New("a message is too large")
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, in, int64(f.Size)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
