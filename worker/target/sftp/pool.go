package sftptarget

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 15 * time.Second
	// checkTimeout is for the first answer on a connection that was idle.
	checkTimeout = 5 * time.Second
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 30 * time.Second
	// maxIdle connections are kept.
	maxIdle = 4
	// inFlight packets of 32 KiB on their way at once, of one file.
	inFlight = 16
)

// pool keeps the connections of one account. Each serves one attempt at a time: the end of one attempt breaks nothing of
// another.
type pool struct {
	address string
	ssh     *ssh.ClientConfig
	dialer  net.Dialer

	mu     sync.Mutex
	idle   []*conn // the one used last at the end
	closed bool
}

// conn is a connection with its SFTP session.
type conn struct {
	raw    net.Conn
	ssh    *ssh.Client
	sftp   *sftp.Client
	expire *time.Timer // nil unless idle
}

// get returns an idle connection that still answers, or a new one. Its errors are *outcome.Error.
func (p *pool) get(ctx context.Context) (*conn, error) {
	for c := p.takeIdle(); c != nil; c = p.takeIdle() {
		if c.answers(ctx) {
			return c, nil
		}
		c.close()
	}
	if err := ctx.Err(); err != nil {
		return nil, files.NetworkError(err)
	}
	return p.dial(ctx)
}

func (p *pool) takeIdle() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle = p.idle[:n-1]
	c.expire.Stop()
	return c
}

// put takes a connection back that is fit to be used again.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) == maxIdle {
		c.close()
		return
	}
	c.expire = time.AfterFunc(idleTimeout, func() { p.drop(c) })
	p.idle = append(p.idle, c)
}

// drop closes a connection, unless it was taken.
func (p *pool) drop(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.expire.Stop()
		c.close()
	}
}

// dial connects, checks the host key, authenticates and begins an SFTP session.
func (p *pool) dial(ctx context.Context) (*conn, error) {
	raw, err := p.dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, files.NetworkError(err)
	}
	c := &conn{raw: raw}
	if err := raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		c.close()
		return nil, files.NetworkError(err)
	}
	release := c.watch(ctx)
	err = c.handshake(p)
	if !release() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		c.close()
		return nil, handshakeError(err)
	}
	return c, nil
}

func (c *conn) handshake(p *pool) error {
	transport, channels, requests, err := ssh.NewClientConn(c.raw, p.address, p.ssh)
	if err != nil {
		return err
	}
	c.ssh = ssh.NewClient(transport, channels, requests)
	c.sftp, err = sftp.NewClient(c.ssh, sftp.MaxConcurrentRequestsPerFile(inFlight))
	if err != nil {
		return err
	}
	return c.raw.SetDeadline(time.Time{})
}

// watch breaks the connection soon after the context's end; until then what was begun can be cleaned up. release ends
// that, and reports whether the connection is still whole.
func (c *conn) watch(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = c.raw.SetDeadline(time.Now().Add(files.Grace)) // fails on a broken one only
	})
}

// answers asks the server for anything.
func (c *conn) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	release := c.watch(ctx)
	_, err := c.sftp.Getwd()
	return release() && err == nil
}

func (c *conn) close() {
	// What cannot be closed in order is broken already.
	if c.ssh != nil {
		_ = c.ssh.Close()
	}
	_ = c.raw.Close()
	if c.sftp != nil {
		_ = c.sftp.Close() // waits for its goroutines, which have ended by now
	}
}
