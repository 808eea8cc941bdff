package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsServers is the external queue of a world: one server or a cluster, in the test's process.
type natsServers struct {
	mu      sync.Mutex
	options []*server.Options
	servers []*server.Server
}

func startNATS(t *testing.T, n int) *natsServers {
	t.Helper()
	s := &natsServers{servers: make([]*server.Server, n)}
	var routes []*url.URL
	for i := range n {
		host, port := hostPort(t, quietAddr(t))
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: host, Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
			JetStreamMaxStore: 8 << 30, JetStreamMaxMemory: 64 << 20, MaxPayload: 8 << 20, SyncInterval: time.Minute,
		}
		if n > 1 {
			o.Cluster.Name = "soak"
			o.Cluster.Host, o.Cluster.Port = hostPort(t, quietAddr(t))
			routes = append(routes, &url.URL{Scheme: "nats", Host: net.JoinHostPort(o.Cluster.Host, strconv.Itoa(o.Cluster.Port))})
		}
		s.options = append(s.options, o)
	}
	for i, o := range s.options {
		o.Routes = routes
		if err := s.start(i); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for i := range s.servers {
			s.stop(i)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.healthy(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func hostPort(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

func (s *natsServers) url() string {
	var all []string
	for _, o := range s.options {
		all = append(all, fmt.Sprintf("nats://%s", net.JoinHostPort(o.Host, strconv.Itoa(o.Port))))
	}
	return strings.Join(all, ",")
}

func (s *natsServers) start(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers[i] != nil {
		return nil
	}
	srv, err := server.NewServer(s.options[i].Clone())
	if err != nil {
		return err
	}
	srv.Start()
	s.servers[i] = srv
	return nil
}

func (s *natsServers) stop(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if srv := s.servers[i]; srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		s.servers[i] = nil
	}
}

// healthy starts what is down and waits until all servers are.
func (s *natsServers) healthy(ctx context.Context) error {
	for i := range s.servers {
		if err := s.start(i); err != nil {
			return err
		}
	}
	for {
		well := 0
		s.mu.Lock()
		for _, srv := range s.servers {
			if srv.ReadyForConnections(time.Second) && srv.Healthz(nil).StatusCode == 200 {
				well++
			}
		}
		all := well == len(s.servers)
		s.mu.Unlock()
		if all {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the queue's servers are not healthy: %w", err)
		}
	}
}

// leader is the server that leads a stream, 0 where there is no cluster or no leader.
func (s *natsServers) leader(ctx context.Context, stream string) (leader int) {
	_ = s.with(ctx, func(js jetstream.JetStream) error { // without an answer any server will do
		str, err := js.Stream(ctx, stream)
		if err != nil || str.CachedInfo().Cluster == nil {
			return err
		}
		leader = max(0, slices.IndexFunc(s.options, func(o *server.Options) bool { return o.ServerName == str.CachedInfo().Cluster.Leader }))
		return nil
	})
	return leader
}

// with connects for a moment.
func (s *natsServers) with(ctx context.Context, act func(jetstream.JetStream) error) error {
	nc, err := nats.Connect(s.url(), nats.Timeout(time.Second))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	return act(js)
}

// fill makes a stream that refuses new messages when full as full as it can be, until the returned function is called
// or whoever serves it sets its limits again.
func (s *natsServers) fill(ctx context.Context, stream string) (free func(context.Context) error, err error) {
	err = s.limit(ctx, stream, func(st jetstream.StreamState) int64 { return max(int64(st.Bytes), 1) }) //nolint:gosec // a test's bytes
	return func(ctx context.Context) error {
		return s.limit(ctx, stream, func(jetstream.StreamState) int64 { return -1 })
	}, err
}

// limit sets how many bytes a stream may hold.
func (s *natsServers) limit(ctx context.Context, stream string, bytes func(jetstream.StreamState) int64) error {
	return s.with(ctx, func(js jetstream.JetStream) error {
		str, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		cfg := str.CachedInfo().Config
		cfg.MaxBytes = bytes(str.CachedInfo().State)
		_, err = js.UpdateStream(ctx, cfg)
		return err
	})
}
