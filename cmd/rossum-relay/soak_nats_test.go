package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsMain is a NATS server of the configuration file that is its argument; see TestMain.
func natsMain() {
	opts, err := server.ProcessConfigFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	srv.ConfigureLogger()
	srv.Start()
	srv.WaitForShutdown()
}

// natsServers is the external queue of a world: one server or a cluster, each a process.
type natsServers struct {
	nodes []*natsNode
}

type natsNode struct {
	process

	name, url, monitor, routes string
}

func startNATS(t *testing.T, n int) *natsServers {
	t.Helper()
	return startNATSIn(t, t.TempDir(), n)
}

// startNATSIn starts servers whose stores are in dir.
func startNATSIn(t *testing.T, dir string, n int) *natsServers {
	t.Helper()
	s := &natsServers{}
	var routes []string
	for i := range n {
		s.nodes = append(s.nodes, &natsNode{
			name: fmt.Sprintf("n%d", i), url: "nats://" + quietAddr(t), monitor: quietAddr(t), routes: quietAddr(t),
		})
		routes = append(routes, strconv.Quote("nats://"+s.nodes[i].routes))
	}
	for _, node := range s.nodes {
		text := fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\nmax_payload: 8MB\njetstream {store_dir: %q, max_file_store: 8GB, max_memory_store: 64MB, sync_interval: 1m}\n",
			node.name, strings.TrimPrefix(node.url, "nats://"), node.monitor, filepath.Join(dir, node.name))
		if n > 1 {
			text += fmt.Sprintf("cluster {name: soak, listen: %q, routes: [%s]}\n", node.routes, strings.Join(routes, ", "))
		}
		config := filepath.Join(t.TempDir(), node.name+".conf")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		node.process.name, node.args, node.log = node.name, []string{"nats-server", config}, strings.TrimSuffix(config, ".conf")+".log"
	}
	t.Cleanup(func() {
		for _, node := range s.nodes {
			node.kill()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.healthy(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *natsServers) url() string {
	var all []string
	for _, node := range s.nodes {
		all = append(all, node.url)
	}
	return strings.Join(all, ",")
}

// healthy starts what is down and waits until all servers are well.
func (s *natsServers) healthy(ctx context.Context) error {
	for {
		well := 0
		for _, node := range s.nodes {
			if err := node.start(); err != nil {
				return err
			}
			if node.well(ctx) {
				well++
			}
		}
		if well == len(s.nodes) {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("the queue's servers are not healthy: %w", err)
		}
	}
}

// mended starts again what does not get well by itself, as a server does not after a write that failed.
func (s *natsServers) mended(ctx context.Context) error {
	for _, node := range s.nodes {
		if !node.well(ctx) {
			node.end(syscall.SIGTERM)
		}
	}
	return s.healthy(ctx)
}

func (n *natsNode) well(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.monitor+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// leader is the server that leads a stream, the first where there is no cluster or no leader.
func (s *natsServers) leader(ctx context.Context, stream string) *natsNode {
	leader := s.nodes[0]
	_ = s.with(ctx, func(js jetstream.JetStream) error { // without an answer any server will do
		str, err := js.Stream(ctx, stream)
		if err != nil || str.CachedInfo().Cluster == nil {
			return err
		}
		leads := func(n *natsNode) bool { return n.name == str.CachedInfo().Cluster.Leader }
		leader = s.nodes[max(0, slices.IndexFunc(s.nodes, leads))]
		return nil
	})
	return leader
}

// with connects for a moment.
func (s *natsServers) with(ctx context.Context, act func(jetstream.JetStream) error) error {
	return withJetStream(s.url(), act)
}

func withJetStream(url string, act func(jetstream.JetStream) error, opts ...nats.Option) error {
	nc, err := nats.Connect(url, append(opts, nats.Timeout(time.Second))...)
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

// withQueue connects to the world's queue, whoever serves it.
func (w *world) withQueue(ctx context.Context, act func(jetstream.JetStream) error) error {
	if w.nats != nil {
		return w.nats.with(ctx, act)
	}
	data, err := os.ReadFile(filepath.Join(w.dir, "data", "client.conf"))
	if err != nil {
		return err
	}
	var c struct{ URL, User, Password string }
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	return withJetStream(c.URL, act, nats.UserInfo(c.User, c.Password))
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
