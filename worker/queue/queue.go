// Package queue is the durable side of rossum-relay: the embedded NATS server
// or a connection to a cluster, the streams and buckets, sealing, and the
// publishing, scheduling and consuming of runs. It is the only room that
// knows NATS.
package queue

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
)

// Mode says how Open reaches the queue.
type Mode int

// The modes of Open.
const (
	// Serve starts the embedded server, or connects to queue.url, and creates streams and buckets.
	Serve Mode = iota
	// Attach connects to a running relay's embedded server, or to queue.url, and creates nothing.
	Attach
)

// Queue is an open queue. It is safe for concurrent use until Close.
type Queue struct {
	cfg       configs.Queue
	log       *zap.Logger
	srv       *embedded // nil unless this process serves it
	nc        *nats.Conn
	js        jetstream.JetStream
	ring      *Ring
	index     indexKey
	lanes     laneUse
	object    jetstream.ObjectStore
	dead      jetstream.Stream
	tap       func(Write) error
	groups    map[string]*group // by stream
	disk      diskProbe
	writes    *writes // nil where nobody counts
	closeOnce sync.Once

	forRestore bool      // see ForRestore
	restoring  bool      // a restore has begun
	restored   time.Time // when the last one ended
}

// Open opens the queue. It blocks until the queue answers or ctx ends; Close frees it.
func Open(ctx context.Context, cfg configs.Queue, mode Mode, name string, log *zap.Logger, opts ...Option) (*Queue, error) {
	q := &Queue{cfg: cfg, log: log}
	for _, o := range opts {
		o(q)
	}
	ok := false
	defer func() {
		if !ok {
			q.Close()
		}
	}()
	if cfg.URL == "" && mode == Serve {
		var err error
		if q.srv, err = startEmbedded(ctx, cfg, log); err != nil {
			return nil, err
		}
	}
	var err error
	ringMode := mode
	if q.forRestore {
		ringMode = Attach // it makes no key
	}
	if q.ring, err = loadRing(cfg, ringMode, log); err != nil {
		return nil, err
	}
	if err = q.connect(name); err != nil {
		return nil, err
	}
	if mode == Serve {
		if err = q.ensure(ctx); err != nil {
			return nil, err
		}
	}
	if err = q.bind(ctx); err != nil {
		return nil, err
	}
	if q.srv != nil {
		q.srv.keepWell(ctx)
	}
	ok = true
	return q, nil
}

// Option changes how Open opens a queue.
type Option func(*Queue)

// Write is one durable write as a tap sees it.
type Write struct {
	Op string // publish, put, delete, ack, object
	On string // the stream or bucket, with the key or subject
	// Done says that the write has happened: the tap's error then stands for a lost reply.
	Done bool
}

// WithTap shows every durable write to tap, before and after it is made. An error of the tap is the write's: tests stop
// a process between any two writes with it.
func WithTap(tap func(Write) error) Option { return func(q *Queue) { q.tap = tap } }

// tapped makes one write under the tap's eyes.
func (q *Queue) tapped(op, on string, write func() error) error {
	if q.tap == nil {
		return write()
	}
	if err := q.tap(Write{Op: op, On: on}); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	return q.tap(Write{Op: op, On: on, Done: true})
}

// bind looks up what every use needs.
func (q *Queue) bind(ctx context.Context) error {
	var err error
	if q.object, err = q.js.ObjectStore(ctx, payloadStore); err != nil {
		return fmt.Errorf("queue: object store %s: %w", payloadStore, err)
	}
	if q.dead, err = q.js.Stream(ctx, streamDead); err != nil {
		return fmt.Errorf("queue: stream %s: %w", streamDead, err)
	}
	q.makeGroups()
	return q.loadIndexKey(ctx)
}

func (q *Queue) connect(name string) error {
	url, opts, err := q.connectOptions(name)
	if err != nil {
		return err
	}
	if q.nc, err = nats.Connect(url, opts...); err != nil {
		return fmt.Errorf("queue: connect: %w", err)
	}
	if q.js, err = jetstream.New(q.nc); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

func (q *Queue) connectOptions(name string) (string, []nats.Option, error) {
	opts := []nats.Option{
		nats.Name("rossum-relay " + name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.PingInterval(20 * time.Second), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				q.log.Warn("queue disconnected", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { q.log.Info("queue reconnected") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { q.log.Warn("queue", zap.Error(err)) }),
	}
	if q.cfg.URL == "" {
		return q.embeddedOptions(opts)
	}
	if q.cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(q.cfg.Credentials))
	}
	if q.cfg.User != "" {
		opts = append(opts, nats.UserInfo(q.cfg.User, q.cfg.Password.Reveal()))
	}
	if q.cfg.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(q.cfg.TLS.CA))
	}
	if q.cfg.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(q.cfg.TLS.Cert, q.cfg.TLS.Key))
	}
	return q.cfg.URL, opts, nil
}

func (q *Queue) embeddedOptions(opts []nats.Option) (string, []nats.Option, error) {
	if q.srv != nil {
		c := q.srv.client
		return c.URL, append(opts, nats.UserInfo(c.User, c.Password), nats.InProcessServer(q.srv)), nil
	}
	c, err := readClient(q.cfg.Data)
	if err != nil {
		return "", nil, err
	}
	served := servedFrom{q.cfg.Data}
	return c.URL, append(opts, nats.SetCustomDialer(served), nats.UserInfoHandler(served.user), nats.IgnoreAuthErrorAbort()), nil
}

// Close drains the connection and stops the embedded server. Consumers must have been stopped before.
func (q *Queue) Close() {
	q.closeOnce.Do(func() {
		if q.nc != nil {
			q.nc.Close()
		}
		if q.srv != nil {
			q.srv.stop()
		}
	})
}

// Client is how other programs, such as the nats CLI, reach an embedded queue served by this process.
func (q *Queue) Client() (Client, bool) {
	if q.srv == nil {
		return Client{}, false
	}
	return q.srv.client, true
}

// loadRing takes the keys of the configuration; an embedded queue without any makes one beside its data.
func loadRing(cfg configs.Queue, mode Mode, log *zap.Logger) (*Ring, error) {
	var keys [][]byte
	for i, s := range cfg.Keys {
		k, err := ParseKey(s.Reveal())
		if err != nil {
			return nil, fmt.Errorf("queue.keys[%d]: %w", i, err)
		}
		keys = append(keys, k)
	}
	if len(keys) > 0 {
		return NewRing(keys...)
	}
	if cfg.URL != "" {
		return nil, errors.New("queue.keys: a NATS cluster needs a configured sealing key shared by all processes (make one: openssl rand -base64 32)")
	}
	return fileRing(filepath.Join(cfg.Data, keysFile), mode, log)
}

func fileRing(path string, mode Mode, log *zap.Logger) (*Ring, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && mode == Serve {
		data = []byte(base64.StdEncoding.EncodeToString(NewKey()) + "\n")
		if err := writePrivate(path, data); err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		log.Info("made a sealing key; back it up, without it nothing stored can be read", zap.String("file", path))
	} else if err != nil {
		return nil, fmt.Errorf("queue: sealing keys: %w", err)
	}
	keys, err := parseKeys(path, data)
	if err != nil {
		return nil, err
	}
	return NewRing(keys...)
}

// parseKeys reads a key file: a key on each line.
func parseKeys(path string, data []byte) (keys [][]byte, err error) {
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("queue: %s: %w", path, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
