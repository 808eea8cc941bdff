package main

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// process is one child process, of the relay or of its queue, that may be killed, stopped and started at any moment.
type process struct {
	name  string   // for people
	args  []string // the first chooses what this test binary is; see TestMain
	log   string
	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
}

// start starts the process unless it runs. One that ended by itself, as it could not reach its queue, is started again.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has it
	cmd := &exec.Cmd{Path: self, Args: p.args, Env: os.Environ(), Stdout: log, Stderr: log}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	p.cmd, p.ended = cmd, ended
	return nil
}

// running reports whether it was started and has not ended; mu must be held.
func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// end sends a signal that ends the process and waits until it has.
func (p *process) end(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
		_ = p.cmd.Process.Signal(syscall.SIGCONT) // one that is frozen ends too
		<-p.ended
		p.cmd = nil
	}
}

// signal sends SIGSTOP or SIGCONT.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return errors.New("the process does not run")
	}
	return p.cmd.Process.Signal(s)
}

func (p *process) tail() string {
	data, _ := os.ReadFile(p.log)
	return string(data[max(0, len(data)-2000):])
}
