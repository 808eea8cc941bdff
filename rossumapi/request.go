package rossumapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-resty/resty/v2"
)

// request is one API call, possibly sent several times.
type request struct {
	method      string
	url         string
	body        []byte
	contentType string // defaults to JSON
	accept      string
	repeatable  bool // may be sent again although it may have been applied
	anonymous   bool // carries no token
	stream      bool // the caller reads and closes the body; no time limit
}

func get(target string) request {
	return request{method: http.MethodGet, url: target, repeatable: true}
}

// jsonRequest encodes body; nil sends none. All methods but POST are repeatable.
func jsonRequest(method, target string, body any) (request, error) {
	r := request{method: method, url: target, repeatable: method != http.MethodPost}
	if body == nil {
		return r, nil
	}
	var err error
	r.body, err = encode(body)
	return r, err
}

// Get reads any object under the base URL into out, for instance a sideloaded
// object by its URL.
func (c *Client) Get(ctx context.Context, target string, out any) error {
	return c.do(ctx, get(target), out)
}

// call encodes in, sends it and decodes the answer into out; both may be nil.
func (c *Client) call(ctx context.Context, method, target string, in, out any) error {
	r, err := jsonRequest(method, target, in)
	if err != nil {
		return err
	}
	return c.do(ctx, r, out)
}

func (c *Client) do(ctx context.Context, r request, out any) error {
	response, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	body := bytes.TrimSpace(response.Body())
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("rossum: %s %s: answer is not the expected JSON: %w", r.method, pathOf(r.url), err)
	}
	return nil
}

// maxRefreshes of the token within one call: a dead hook token may be followed by a dead one of the account.
const maxRefreshes = 2

// delivery is the state of a request over its attempts.
type delivery struct {
	request
	token     string
	refreshed int
	failures  int
	throttled time.Duration // waited for 429 so far
}

// send sends r until it is answered with 2xx or must not be sent again.
func (c *Client) send(ctx context.Context, r request) (*resty.Response, error) {
	if err := c.base.check(r.url); err != nil {
		return nil, fmt.Errorf("rossum: %w", err)
	}
	d := &delivery{request: r}
	if c.options.Token != nil && !r.anonymous {
		var err error
		if d.token, err = c.options.Token.Token(ctx); err != nil {
			return nil, fmt.Errorf("rossum: token: %w", err)
		}
	}
	for {
		if c.options.Limiter != nil {
			if err := c.options.Limiter.Wait(ctx); err != nil {
				return nil, fmt.Errorf("rossum: rate limit: %w", err)
			}
		}
		response, err := c.attempt(ctx, d)
		if err == nil {
			return response, nil
		}
		pause, again, err := c.again(ctx, d, err)
		if !again {
			return nil, err
		}
		if sleep(ctx, pause) != nil {
			return nil, err
		}
	}
}

// again decides whether a failed request is sent once more, and when.
func (c *Client) again(ctx context.Context, d *delivery, err error) (time.Duration, bool, error) {
	if ctx.Err() != nil {
		return 0, false, err
	}
	var api *APIError
	if !errors.As(err, &api) {
		var transport *TransportError
		safe := errors.As(err, &transport) && (d.repeatable || !transport.Written) && !errors.Is(err, resty.ErrResponseBodyTooLarge)
		return c.backOff(d, safe, err)
	}
	switch {
	case api.Status == http.StatusUnauthorized && d.token != "" && d.refreshed < maxRefreshes:
		d.refreshed++
		token, refreshErr := c.options.Token.Refresh(ctx, d.token)
		if refreshErr != nil {
			return 0, false, fmt.Errorf("%w (no new token: %w)", err, refreshErr)
		}
		d.token = token
		return 0, true, err
	case api.Status == http.StatusTooManyRequests:
		pause := max(api.RetryAfter, time.Second)
		d.throttled += pause
		return pause + rand.N(pause/10), d.throttled <= c.options.MaxRetryAfter, err
	case api.Status == http.StatusRequestTimeout || api.Status >= 500:
		pause, again, err := c.backOff(d, d.repeatable, err)
		return max(pause, api.RetryAfter), again && api.RetryAfter <= c.options.MaxRetryAfter, err
	}
	return 0, false, err
}

// backOff grows from a quarter of a second, with full jitter.
func (c *Client) backOff(d *delivery, safe bool, err error) (time.Duration, bool, error) {
	if !safe || d.failures >= c.options.Retries {
		return 0, false, err
	}
	d.failures++
	return backOffPause(d.failures), true, err
}

func backOffPause(failures int) time.Duration {
	return rand.N(250 * time.Millisecond << min(failures, 6))
}

func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt sends the request once. The error is a *TransportError, or an
// *APIError for every status but 2xx.
func (c *Client) attempt(ctx context.Context, d *delivery) (*resty.Response, error) {
	if !d.stream {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.options.Timeout)
		defer cancel()
	}
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	request := c.http.R().SetContext(ctx).SetDoNotParseResponse(d.stream)
	if d.token != "" {
		request.SetHeader("Authorization", "Bearer "+d.token)
	}
	if d.accept != "" {
		request.SetHeader("Accept", d.accept)
	}
	if d.body != nil {
		request.SetBody(d.body).SetHeader("Content-Type", orJSON(d.contentType))
	}
	response, err := request.Execute(d.method, d.url)
	if err != nil {
		return nil, &TransportError{Method: d.method, Path: pathOf(d.url), Written: written.Load(), Err: withoutURL(err)}
	}
	if response.StatusCode()/100 == 2 || d.stream && isRedirect(response.StatusCode()) {
		return response, nil
	}
	return nil, newAPIError(d.method, d.url, response, d.stream)
}

func orJSON(contentType string) string {
	if contentType == "" {
		return "application/json"
	}
	return contentType
}

// withoutURL strips the URL, which may hold a query, from a transport error.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// pathOf returns the path of a URL for messages.
func pathOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "?"
	}
	return u.Path
}
