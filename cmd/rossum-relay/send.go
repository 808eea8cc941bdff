package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// sendCmd is "rossum-relay send": Rossum's side of a webhook call, for trying a
// hook out and, repeated, for measuring a service under load.
type sendCmd struct {
	URL        string `name:"url" required:"" placeholder:"URL" help:"Address of the hook, such as http://localhost:8080/hooks/acme-exports."`
	Secret     string `env:"ROSSUM_RELAY_SECRET" placeholder:"SECRET" help:"Signing secret of the hook. Better in the environment or a file: other processes see flags."`
	SecretFile string `type:"path" placeholder:"FILE" help:"File with the signing secret; used instead of the one in the environment."`

	Repeat      int      `default:"1" placeholder:"N" help:"Post each file N times."`
	Concurrency int      `default:"1" placeholder:"C" help:"Calls under way at once, each on a connection of its own."`
	Rate        callRate `placeholder:"N/s" help:"Steady rate, such as 200/s. Without it, as fast as answers come."`
	Distinct    bool     `help:"Make every call a distinct event: new ids of the same length, signed anew."`

	Wait       bool          `help:"Follow a 202 to its Location until the final answer is there, and print its messages."`
	Poll       time.Duration `default:"1s" help:"Pause between two polls."`
	WaitAtMost time.Duration `default:"5m" help:"Give up waiting for the final answer; Rossum does so after 5m."`
	Timeout    time.Duration `default:"30s" help:"Time-out of one call; Rossum's default is 30s."`

	Files []string `arg:"" name:"file" type:"path" help:"Payloads. Their exact bytes are signed and posted."`
}

// Validate is called by kong, before it complains of missing flags.
func (c *sendCmd) Validate() error {
	address, err := url.Parse(c.URL)
	if c.URL != "" && (err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https") {
		return errors.New("--url must be an http or https address")
	}
	if c.Repeat < 1 || c.Concurrency < 1 {
		return errors.New("--repeat and --concurrency must be at least 1")
	}
	if c.Poll <= 0 || c.WaitAtMost <= 0 || c.Timeout <= 0 {
		return errors.New("--poll, --wait-at-most and --timeout must be longer than 0")
	}
	return nil
}

// Run posts all files and prints the answers to stdout. It fails if any answer
// was not 2xx, or none came.
func (c *sendCmd) Run(ctx context.Context, stdout io.Writer) error {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	payloads, err := loadPayloads(ctx, c.Files, secret, c.Repeat, c.Distinct)
	if err != nil {
		return err
	}
	sender := newSender(c.URL, c.Concurrency, c.Timeout)
	defer sender.close()
	tally := newSendTally(stdout)
	c.sendAll(ctx, sender, payloads, tally)
	if c.calls() > 1 && tally.calls > 0 {
		tally.summarize()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d of %d calls", tally.calls, c.calls())
	}
	return tally.failure(secret != nil)
}

func (c *sendCmd) calls() int { return len(c.Files) * c.Repeat }

// secret returns nil if none is given: a hook may be configured to take
// unsigned calls.
func (c *sendCmd) secret() ([]byte, error) {
	if c.SecretFile == "" && c.Secret == "" {
		return nil, nil
	}
	if c.SecretFile == "" {
		return []byte(c.Secret), nil
	}
	content, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("signing secret: %w", err)
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" {
		return nil, fmt.Errorf("signing secret: %s is empty", c.SecretFile)
	}
	return []byte(secret), nil
}

// sendAll makes all calls, the files in turn, and returns when the last one has
// been answered or ctx has ended.
func (c *sendCmd) sendAll(ctx context.Context, sender *sender, payloads []*sendPayload, tally *sendTally) {
	pace := pacer{start: time.Now(), every: c.Rate.every()}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(c.Concurrency, c.calls()) {
		workers.Go(func() {
			for {
				call := int(next.Add(1) - 1)
				if call >= c.calls() {
					return
				}
				begin, err := pace.wait(ctx, call)
				if err != nil {
					return
				}
				payload := payloads[call%len(payloads)]
				c.send(ctx, sender, payload, call/len(payloads), begin, tally)
			}
		})
	}
	workers.Wait()
}

// send makes one call and follows its answer if asked to.
func (c *sendCmd) send(ctx context.Context, sender *sender, payload *sendPayload, round int, begin time.Time, tally *sendTally) {
	body, signature := payload.call(round)
	answer, err := sender.post(ctx, body, signature)
	if ctx.Err() != nil {
		return
	}
	tally.add(payload, answer, err, time.Since(begin))
	if !c.Wait || err != nil || answer.status != http.StatusAccepted {
		return
	}
	limited, cancel := context.WithTimeout(ctx, c.WaitAtMost)
	defer cancel()
	final, polls, err := sender.follow(limited, answer.location, c.Poll)
	if ctx.Err() == nil {
		tally.addFinal(payload, final, polls, err, time.Since(begin))
	}
}

// callRate is a number of calls per second, 0 for no limit; written 200/s,
// 600/m or 200.
type callRate float64

// UnmarshalText is called by kong.
func (r *callRate) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	value, err := strconv.ParseFloat(number, 64)
	seconds, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || !known || !(value/seconds > 0 && value/seconds <= 1e6) {
		return fmt.Errorf("want a rate such as 200/s or 600/m, not %q", text)
	}
	*r = callRate(value / seconds)
	return nil
}

// every is the time from one call to the next.
func (r callRate) every() time.Duration {
	if r == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / float64(r))
}

// pacer spreads calls evenly over time.
type pacer struct {
	start time.Time
	every time.Duration
}

// wait blocks until a call is due and returns the moment its latency counts
// from. For a call that is already late, because earlier ones were slow, that
// is the moment it was due: a slow service must not look fast by slowing down
// who measures it.
func (p pacer) wait(ctx context.Context, call int) (time.Time, error) {
	if p.every == 0 {
		return time.Now(), ctx.Err()
	}
	due := p.start.Add(time.Duration(call) * p.every)
	early := time.Until(due)
	if early <= 0 {
		return due, ctx.Err()
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return time.Now(), nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
