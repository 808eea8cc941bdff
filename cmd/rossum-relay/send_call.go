package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-resty/resty/v2"
)

// What is kept of an answer, and what is read of it so that the connection can
// be used again.
const (
	keptAnswer = 64 << 10
	readAnswer = 1 << 20
)

// sender posts to one address over kept-alive connections.
type sender struct {
	client    *resty.Client
	transport *http.Transport
	url       string
}

// sendAnswer is one answer of the service.
type sendAnswer struct {
	status   int
	location string
	body     []byte // its first 64 KiB
	cut      bool   // there was more
}

func (a sendAnswer) ok() bool { return a.status >= 200 && a.status < 300 }

// newSender makes a sender; timeout is that of one call, up to the last byte
// of its answer.
func newSender(address string, connections int, timeout time.Duration) *sender {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = connections
	transport.MaxIdleConnsPerHost = connections
	transport.DisableCompression = true
	client := resty.NewWithClient(&http.Client{
		Transport: transport,
		Timeout:   timeout,
		// Rossum is not known to follow redirects: show them as they are.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client.SetHeader("Content-Type", "application/json").SetHeader("User-Agent", "rossum-relay-send")
	client.SetDoNotParseResponse(true)
	return &sender{client: client, transport: transport, url: address}
}

// close gives up the idle connections.
func (s *sender) close() { s.transport.CloseIdleConnections() }

// post makes one call, unsigned if signature is empty.
func (s *sender) post(ctx context.Context, body []byte, signature string) (sendAnswer, error) {
	// A reader, because resty copies a byte slice twice; nothing is retried.
	request := s.client.R().SetContext(ctx).SetBody(bytes.NewReader(body))
	if signature != "" {
		request.SetHeader("X-Rossum-Signature-SHA256", signature)
	}
	return readSendAnswer(request.Post(s.url))
}

// follow polls location until its answer is final, as Rossum does (API
// reference, asynchronous answers): 200 and 202 mean not yet, so do 408, 429
// and the 5xx that pass. It returns the final answer, or the last one seen and
// an error when ctx ends.
func (s *sender) follow(ctx context.Context, location string, pause time.Duration) (answer sendAnswer, polls int, err error) {
	address, err := s.resolve(location)
	if err != nil {
		return answer, 0, err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return answer, polls, errors.New("no final answer in time")
		}
		last, err := readSendAnswer(s.client.R().SetContext(ctx).Get(address))
		switch {
		case err == nil && !pending(last.status):
			return last, polls + 1, nil
		case err == nil:
			answer = last
		case ctx.Err() == nil:
			return answer, polls, err
		}
		polls++
		timer.Reset(pause)
	}
}

func (s *sender) resolve(location string) (string, error) {
	if location == "" {
		return "", errors.New("a 202 without Location cannot be followed")
	}
	base, err := url.Parse(s.url)
	if err != nil {
		return "", err
	}
	address, err := base.Parse(location)
	if err != nil {
		return "", errors.New("the Location of the 202 is not a URL")
	}
	return address.String(), nil
}

func pending(status int) bool {
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func readSendAnswer(response *resty.Response, err error) (sendAnswer, error) {
	if err != nil {
		// The URL that url.Error quotes is known, and its query may be private.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return sendAnswer{}, fmt.Errorf("no answer: %w", err)
	}
	body := response.RawBody()
	defer body.Close()
	kept, err := io.ReadAll(io.LimitReader(body, keptAnswer+1))
	if err == nil {
		_, err = io.CopyN(io.Discard, body, readAnswer)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return sendAnswer{}, fmt.Errorf("broken answer: %w", err)
	}
	return sendAnswer{
		status:   response.StatusCode(),
		location: response.Header().Get("Location"),
		body:     kept[:min(len(kept), keptAnswer)],
		cut:      len(kept) > keptAnswer,
	}, nil
}
