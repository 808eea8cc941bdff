package queue

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/run"
)

const (
	// headerResealed is the sequence of the message that this one is a copy of, sealed with another key.
	headerResealed = "Relay-Resealed"
	// headerAt is when a copied message was stored first.
	headerAt = "Relay-At"
)

// Resealed counts what Reseal met in one stream, or among the payloads of the object store.
type Resealed struct {
	Stream string `json:"stream"`
	// Fresh was sealed with the first key already; Done was sealed anew.
	Fresh int `json:"fresh"`
	Done  int `json:"done"`
	// Left is sealed with an older key still: it moved just then, there was no room, or nothing shall be changed.
	Left int `json:"left"`
	// Unknown is sealed with a key that is not in queue.keys: it cannot be read at all.
	Unknown int `json:"unknown"`
}

// Reseal seals everything stored that is sealed with another key than the first with the first one, and calls told with
// the count of each stream. It is safe beside running processes, if all of them hold the first key, and may be repeated
// and interrupted: it changes only what still needs it. With dry it counts and changes nothing.
func (q *Queue) Reseal(ctx context.Context, dry bool, told func(Resealed)) error {
	for _, s := range q.streams() {
		if s.Name == streamAdvisory {
			continue // the server's own, not sealed
		}
		r := Resealed{Stream: s.Name}
		err := q.messages(ctx, s.Name, func(m stored) error { return q.resealMessage(ctx, m, dry, &r) })
		if err != nil {
			return err
		}
		told(r)
	}
	r := Resealed{Stream: payloadStore}
	err := q.Objects(ctx, func(id run.ID, p Payload, _ time.Time) error { return q.resealObject(ctx, id, p, dry, &r) })
	if err != nil {
		return err
	}
	told(r)
	return nil
}

func (q *Queue) resealMessage(ctx context.Context, m stored, dry bool, r *Resealed) error {
	if m.header.Get(kvOperation) != "" {
		return nil // a deleted key
	}
	data, err := q.resealParts(m)
	switch {
	case errors.Is(err, ErrNoKey):
		r.Unknown++
		return nil
	case err != nil:
		return fmt.Errorf("queue: %s message %d: %w", m.stream, m.sequence, err)
	case data == nil:
		r.Fresh++
		return nil
	case dry || strings.HasPrefix(m.subject, "due."): // the mover carries it on within moments
		r.Left++
		return nil
	}
	err = q.replace(ctx, m, data)
	switch {
	case err == nil:
		r.Done++
	case isConflict(err), errors.Is(err, ErrFull):
		r.Left++
	default:
		return fmt.Errorf("queue: seal %s message %d anew: %w", m.stream, m.sequence, err)
	}
	return nil
}

// resealParts is a message's data with every part sealed with the first key; nil where they are already.
func (q *Queue) resealParts(m stored) ([]byte, error) {
	id := run.ID(m.header.Get(headerRun))
	switch {
	case strings.HasPrefix(m.stream, "KV_"):
		bucket := strings.TrimPrefix(m.stream, "KV_")
		return q.ring.reseal(bucket+"/"+strings.TrimPrefix(m.subject, "$KV."+bucket+"."), m.data)
	case m.stream == streamHistory:
		return q.ring.reseal(historyPlace(run.ID(m.subject[strings.LastIndexByte(m.subject, '.')+1:])), m.data)
	case m.stream == streamDead:
		return q.resealLetter(id, m.data)
	case len(m.data) == 0: // the payload is in the object store
		return nil, nil
	}
	return q.ring.reseal(payloadPlace(id), m.data)
}

// resealLetter seals both parts of a letter anew, where one needs it.
func (q *Queue) resealLetter(id run.ID, data []byte) ([]byte, error) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) { //nolint:gosec // n is positive and within data
		return nil, errors.New("the letter is damaged")
	}
	end := n + int(size) //nolint:gosec // bounded above
	details, payload := data[n:end], data[end:]
	newDetails, err := q.ring.reseal(detailsPlace(id), details)
	if err != nil {
		return nil, err
	}
	var newPayload []byte
	if len(payload) > 0 {
		if newPayload, err = q.ring.reseal(payloadPlace(id), payload); err != nil {
			return nil, err
		}
	}
	if newDetails == nil && newPayload == nil {
		return nil, nil
	}
	if newDetails == nil {
		newDetails = details
	}
	if newPayload == nil {
		newPayload = payload
	}
	return append(append(binary.AppendUvarint(nil, uint64(len(newDetails))), newDetails...), newPayload...), nil
}

// replace puts new data in the place of a message. Where a subject has one message, the server makes sure that it is
// still this one; elsewhere the copy is stored before the old one goes, and a run's second message is harmless.
func (q *Queue) replace(ctx context.Context, m stored, data []byte) error {
	c := nats.NewMsg(m.subject)
	c.Header = copied(m.header)
	c.Header.Set(headerResealed, strconv.FormatUint(m.sequence, 10))
	c.Data = data
	single := m.stream != streamEvents && m.stream != streamUnrouted && m.stream != streamHistory
	if single {
		c.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(m.sequence, 10))
		_, err := q.publishOnce(ctx, m.stream, c)
		return err
	}
	if m.stream == streamHistory && c.Header.Get(headerAt) == "" {
		c.Header.Set(headerAt, m.at.UTC().Format(time.RFC3339Nano))
	}
	c.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("resealed:%d:%s", m.sequence, q.ring.KeyIDs()[0]))
	if _, err := q.publishOnce(ctx, m.stream, c); err != nil {
		return err
	}
	s, err := q.js.Stream(ctx, m.stream)
	if err != nil {
		return err
	}
	if err := s.DeleteMsg(ctx, m.sequence); err != nil {
		if _, getErr := s.GetMsg(ctx, m.sequence); errors.Is(getErr, jetstream.ErrMsgNotFound) {
			return nil // somebody took it meanwhile
		}
		return err
	}
	return nil
}

// publishOnce publishes without repeating by itself: a write that was lost and made nevertheless looks like a conflict,
// and the next look at the stream tells.
func (q *Queue) publishOnce(ctx context.Context, stream string, m *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	m.Header.Set(jetstream.ExpectedStreamHeader, stream)
	ack, err := q.js.PublishMsg(ctx, m)
	if err != nil && !isConflict(err) {
		err = q.storeError("publish to "+stream, err)
	}
	return ack, err
}

// copied are a message's headers without those that only had a meaning when it was published.
func copied(h nats.Header) nats.Header {
	c := nats.Header{}
	for name, values := range h {
		if strings.HasPrefix(name, "Nats-") && name != headerSchedule && name != headerScheduleTarget {
			continue
		}
		c[name] = values
	}
	return c
}

// resealObject writes a payload anew under its name. A worker that reads it just then fails and comes again.
func (q *Queue) resealObject(ctx context.Context, id run.ID, p Payload, dry bool, r *Resealed) error {
	sealed, err := q.object.GetBytes(ctx, p.object)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("queue: payload of run %s: %w", id, err)
	}
	anew, err := q.ring.reseal(payloadPlace(id), sealed)
	switch {
	case errors.Is(err, ErrNoKey):
		r.Unknown++
		return nil
	case err != nil:
		return fmt.Errorf("queue: payload of run %s: %w", id, err)
	case anew == nil:
		r.Fresh++
		return nil
	case dry:
		r.Left++
		return nil
	}
	if _, err := q.object.Put(ctx, jetstream.ObjectMeta{Name: p.object}, bytes.NewReader(anew)); err != nil {
		return q.storeError("seal payload anew", err)
	}
	r.Done++
	return nil
}

// resealed is the revision of a key whose value at the given revision was only sealed anew since: a writer that read the
// old one has lost nothing.
func (q *Queue) resealed(ctx context.Context, bucket, key string, revision uint64) (now uint64, ok bool) {
	s, err := q.js.Stream(ctx, streamOf(bucket))
	if err != nil {
		return 0, false
	}
	m, err := s.GetLastMsgForSubject(ctx, "$KV."+bucket+"."+key)
	if err != nil || m.Header.Get(headerResealed) != strconv.FormatUint(revision, 10) {
		return 0, false
	}
	return m.Sequence, true
}

// reseal seals anew with the first key; nil where that is the key already.
func (r *Ring) reseal(place string, sealed []byte) ([]byte, error) {
	if len(sealed) >= sealHeader && r.keys[0].id == [keyIDSize]byte(sealed[2:sealHeader]) {
		return nil, nil
	}
	plain, err := r.Open(place, sealed)
	if err != nil {
		return nil, err
	}
	return r.Seal(place, plain), nil
}

// KeyIDs names the keys of the ring, the sealing one first: they tell keys apart and nothing about them.
func (r *Ring) KeyIDs() []string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = hex.EncodeToString(k.id[:])
	}
	return ids
}

// KeyIDs names the keys of the queue's ring, the sealing one first.
func (q *Queue) KeyIDs() []string { return q.ring.KeyIDs() }

// AddKey makes a new sealing key for an embedded queue without configured keys and returns its id. No process may serve
// the queue: ErrLocked.
func AddKey(cfg configs.Queue) (id string, err error) {
	err = changeKeys(cfg, func(keys [][]byte) [][]byte { return append([][]byte{NewKey()}, keys...) }, &id)
	return id, err
}

// DropKeys removes all keys but the sealing one from the key file of an embedded queue. Nothing stored may be sealed with
// them any more: see Reseal. A process that serves the queue forgets them when it starts again.
func (q *Queue) DropKeys() error {
	path := filepath.Join(q.cfg.Data, keysFile)
	keys, err := readKeys(path)
	if err != nil {
		return err
	}
	return writeKeys(path, keys[:1])
}

func changeKeys(cfg configs.Queue, change func([][]byte) [][]byte, first *string) error {
	lock, err := lockDir(cfg.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	path := filepath.Join(cfg.Data, keysFile)
	keys, err := readKeys(path)
	if err != nil {
		return err
	}
	keys = change(keys)
	ring, err := NewRing(keys...)
	if err != nil {
		return err
	}
	*first = ring.KeyIDs()[0]
	return writeKeys(path, keys)
}

func readKeys(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("queue: sealing keys: %w", err)
	}
	return parseKeys(path, data)
}

func writeKeys(path string, keys [][]byte) error {
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(base64.StdEncoding.EncodeToString(k) + "\n")
	}
	if err := writePrivate(path, []byte(text.String())); err != nil {
		return fmt.Errorf("queue: sealing keys: %w", err)
	}
	return nil
}
