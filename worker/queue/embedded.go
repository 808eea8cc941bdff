package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"

	"github.com/rossum-relay/rossum-relay/configs"
)

const (
	clientUser  = "relay"
	clientFile  = "client.conf"
	keysFile    = "keys"
	lockFile    = "LOCK"
	storeFolder = "jetstream"
	maxPayload  = 8 << 20
	readyWithin = 30 * time.Second
	dialWithin  = 2 * time.Second
)

// ErrLocked means that another process serves the data directory.
var ErrLocked = errors.New("another rossum-relay uses this data directory")

// Client is how other processes reach an embedded queue; it stands in DATA/client.conf, readable by its owner only.
type Client struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// embedded is a NATS server inside this process.
type embedded struct {
	options *server.Options
	log     *zap.Logger
	srv     atomic.Pointer[server.Server] // nil while it is down
	lock    *os.File
	client  Client
	stop    func()
}

// startEmbedded locks the data directory and starts the server on it. Two servers on one directory would both
// acknowledge and hand out the same sequence numbers, hence the lock.
func startEmbedded(ctx context.Context, cfg configs.Queue, log *zap.Logger) (_ *embedded, err error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("queue: data directory: %w", err)
	}
	lock, err := lockDir(cfg.Data)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	e := &embedded{log: log, lock: lock, client: Client{User: clientUser, Password: rand.Text()}}
	if e.options, err = serverOptions(cfg, e.client); err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	if err := e.writeClient(cfg.Data); err != nil {
		e.shutdown()
		return nil, err
	}
	e.stop = func() {
		e.shutdown()
		_ = e.lock.Close() // closing frees the flock
	}
	return e, nil
}

// keepWell watches the server until it is stopped. Streams that are being made look like lost ones: they come before.
func (e *embedded) keepWell(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		e.watch(ctx)
	}()
	stop := e.stop
	e.stop = func() {
		cancel()
		<-watched
		stop()
	}
}

func serverOptions(cfg configs.Queue, c Client) (*server.Options, error) {
	host, port, err := listenAddr(cfg.Listen)
	if err != nil {
		return nil, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.Password), bcrypt.MinCost) // 130 random bits need no slow hash
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &server.Options{
		ServerName: "embedded", Host: host, Port: port, NoSigs: true, NoLog: true,
		Username: c.User, Password: string(hash),
		JetStream: true, StoreDir: filepath.Join(cfg.Data, storeFolder), DisableJetStreamBanner: true,
		JetStreamMaxStore: int64(cfg.MaxStore), JetStreamMaxMemory: 256 << 20,
		SyncAlways: cfg.Durability == configs.Strict, SyncInterval: syncInterval(cfg.Durability),
		MaxPayload: maxPayload, JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: -1},
	}, nil
}

// start starts the server, on the port it had before if it was there before.
func (e *embedded) start(ctx context.Context) error {
	srv, err := server.NewServer(e.options.Clone())
	if err != nil {
		return fmt.Errorf("queue: embedded server: %w", err)
	}
	srv.SetLoggerV2(serverLog{e.log.Named("nats").Sugar()}, false, false, false)
	srv.Start()
	deadline := readyWithin
	if d, ok := ctx.Deadline(); ok {
		deadline = min(deadline, time.Until(d))
	}
	if !srv.ReadyForConnections(deadline) {
		srv.Shutdown()
		return fmt.Errorf("queue: embedded server is not ready after %s; see the log above", deadline)
	}
	if addr, ok := srv.Addr().(*net.TCPAddr); ok {
		e.options.Port = addr.Port
	}
	e.client.URL = srv.ClientURL()
	e.srv.Store(srv)
	return nil
}

func (e *embedded) shutdown() {
	if srv := e.srv.Swap(nil); srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

func syncInterval(d configs.Durability) time.Duration {
	if d == configs.Fast {
		return 2 * time.Minute
	}
	return time.Second
}

func listenAddr(addr string) (string, int, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("queue.listen: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return "", 0, fmt.Errorf("queue.listen: port %q is not a number", portText)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("queue.listen: %s is not a loopback address; for other machines use a NATS cluster (queue.url)", host)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// InProcessConn implements nats.InProcessConnProvider: a client that reconnects finds the server that runs then.
func (e *embedded) InProcessConn() (net.Conn, error) {
	srv := e.srv.Load()
	if srv == nil {
		return nil, errDown
	}
	return srv.InProcessConn()
}

func (e *embedded) writeClient(dir string) error {
	data, err := json.MarshalIndent(e.client, "", "  ")
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	if err := writePrivate(filepath.Join(dir, clientFile), data); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// readClient finds the embedded queue another process serves from dir.
func readClient(dir string) (Client, error) {
	var c Client
	data, err := os.ReadFile(filepath.Join(dir, clientFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("queue: no relay has run on %s yet", dir)
	}
	if err != nil {
		return c, fmt.Errorf("queue: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("queue: %s: %w", clientFile, err)
	}
	return c, nil
}

// servedFrom reaches the embedded queue of whichever process serves a directory now: each start has an address and a
// password of its own.
type servedFrom struct{ dir string }

// Dial implements nats.CustomDialer.
func (s servedFrom) Dial(network, _ string) (net.Conn, error) {
	c, err := readClient(s.dir)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("queue: %s: %w", clientFile, err)
	}
	return net.DialTimeout(network, u.Host, dialWithin)
}

func (s servedFrom) user() (name, password string) {
	c, _ := readClient(s.dir) // the server refuses who has no password
	return c.User, c.Password
}

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // a file descriptor
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("queue: %s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("queue: lock %s: %w", dir, err)
	}
	return f, nil
}

// writePrivate replaces a file atomically, readable by its owner only.
func writePrivate(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	if _, err := tmp.Write(data); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Sync(); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// serverLog feeds the server's log into ours.
type serverLog struct{ log *zap.SugaredLogger }

func (l serverLog) Noticef(f string, v ...any) { l.log.Debugf(f, v...) }
func (l serverLog) Warnf(f string, v ...any)   { l.log.Warnf(f, v...) }
func (l serverLog) Fatalf(f string, v ...any)  { l.log.Errorf(f, v...) }
func (l serverLog) Errorf(f string, v ...any)  { l.log.Errorf(f, v...) }
func (l serverLog) Debugf(string, ...any)      {}
func (l serverLog) Tracef(string, ...any)      {}
