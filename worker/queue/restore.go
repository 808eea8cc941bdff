package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrRestoring means that a restore has begun and has not ended: nothing may be delivered from what is there.
	ErrRestoring = errors.New("a restore was interrupted: what is stored is not whole")
	// ErrNotEmpty means that a backup can only be restored where nothing is stored.
	ErrNotEmpty = errors.New("something is stored here already")
)

// ForRestore opens a queue that a backup shall be restored to. It makes no sealing key: the keys of the backup must be
// there.
func ForRestore() Option { return func(q *Queue) { q.forRestore = true } }

// Restore writes a backup into the queue, which must have been opened ForRestore, and returns what it wrote. Until
// EndRestore no other Open succeeds; an interrupted restore is begun again by another. ErrNotEmpty, or ErrNoKey where the
// ring has not the key that the backup is sealed with.
func (q *Queue) Restore(ctx context.Context, r io.Reader) (Backup, error) {
	return readBackup(r, func(b Backup) error { return q.beginRestore(ctx, b) }, func(f frame, data []byte) error {
		if err := q.restoreOne(ctx, f, data); err != nil {
			return fmt.Errorf("restore %s: %w", f.Stream, err)
		}
		return nil
	})
}

func (q *Queue) beginRestore(ctx context.Context, b Backup) error {
	if len(b.Keys) == 0 || !slices.Contains(q.ring.KeyIDs(), b.Keys[0]) {
		return fmt.Errorf("the backup: %w (key %s)", ErrNoKey, strings.Join(b.Keys[:min(1, len(b.Keys))], ""))
	}
	resting, moving := backupOrder()
	for _, name := range slices.Concat(resting, moving) {
		if name == payloadStore {
			name = "OBJ_" + payloadStore
		}
		s, err := q.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("queue: stream %s: %w", name, err)
		}
		empty := s.CachedInfo().State.Msgs == 0 || name == streamOf(BucketTokens) // it holds the index key
		if !empty && !q.restoring {
			return fmt.Errorf("%w (stream %s)", ErrNotEmpty, name)
		}
		if err := s.Purge(ctx); err != nil {
			return fmt.Errorf("queue: empty %s: %w", name, err)
		}
	}
	return q.mark(ctx, storedIndexKey{Key: q.index.key, Restoring: true})
}

// restoreOne stores one message of a backup. Times of the history are kept, others begin anew.
func (q *Queue) restoreOne(ctx context.Context, f frame, data []byte) error {
	if f.Stream == payloadStore {
		_, err := q.object.Put(ctx, jetstream.ObjectMeta{Name: f.Subject}, bytes.NewReader(data))
		return q.storeErrorOrNil("restore payload", err)
	}
	resting, moving := backupOrder()
	if !slices.Contains(resting, f.Stream) && !slices.Contains(moving, f.Stream) {
		return errors.New("no such stream")
	}
	if f.Stream == streamOf(BucketTokens) && strings.HasSuffix(f.Subject, "."+indexKeyName) {
		return q.restoreIndexKey(ctx, data)
	}
	m := nats.NewMsg(f.Subject)
	m.Header, m.Data = copied(f.Header), data
	if !strings.HasPrefix(f.Subject, "retry.") { // a due message's schedule has fired
		m.Header.Del(headerSchedule)
		m.Header.Del(headerScheduleTarget)
	}
	if f.Stream == streamHistory {
		m.Header.Set(headerAt, f.At.Format(time.RFC3339Nano))
	}
	m.Header.Del(headerResealed)
	m.Header.Set(jetstream.ExpectedStreamHeader, f.Stream)
	return again(ctx, func(ctx context.Context) error {
		_, err := q.js.PublishMsg(ctx, m)
		return q.storeErrorOrNil("restore", err)
	})
}

func (q *Queue) storeErrorOrNil(what string, err error) error {
	if err == nil {
		return nil
	}
	return q.storeError(what, err)
}

// restoreIndexKey takes over the backup's index key, under which the ledger's keys were made.
func (q *Queue) restoreIndexKey(ctx context.Context, sealed []byte) error {
	plain, err := q.ring.Open(BucketTokens+"/"+indexKeyName, sealed)
	if err != nil {
		return fmt.Errorf("index key: %w", err)
	}
	var v storedIndexKey
	if err := json.Unmarshal(plain, &v); err != nil {
		return fmt.Errorf("index key: %w", err)
	}
	v.Restoring = true
	q.index = indexKey{v.Key}
	return q.mark(ctx, v)
}

// EndRestore says that what Restore wrote is whole and may be worked with.
func (q *Queue) EndRestore(ctx context.Context) error {
	q.restored, q.restoring = time.Now().UTC(), false
	return q.mark(ctx, storedIndexKey{Key: q.index.key, Restored: q.restored})
}

// Restored is when the queue was restored from a backup last, the zero time where it never was. Deliveries between that
// backup and that time may have been made without anything knowing here.
func (q *Queue) Restored() time.Time { return q.restored }

func (q *Queue) mark(ctx context.Context, v storedIndexKey) error {
	b, err := OpenBucket[storedIndexKey](ctx, q, BucketTokens)
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, indexKeyName, v)
	return err
}
