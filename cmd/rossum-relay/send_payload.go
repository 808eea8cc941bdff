package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// sendPayload is one file, made ready to be posted many times at little cost:
// signatures are computed ahead, and a distinct body is a copy with few bytes
// changed.
type sendPayload struct {
	name       string
	body       []byte
	signatures []string         // one for all rounds, or one per round if distinct; none without a secret
	spots      []sendSpot       // what --distinct changes
	number     func(int) uint64 // of a round, unique over all files
}

// sendSpot is a run of digits in a body that tells one event from another.
type sendSpot struct {
	offset, width int
	hex           bool // part of a UUID; else of a decimal id, which must not begin with 0
}

// loadPayloads reads the files and signs them. With distinct, every call of
// every round gets ids of its own; they begin at a random number, so that the
// next command's are others too.
func loadPayloads(ctx context.Context, files []string, secret []byte, rounds int, distinct bool) ([]*sendPayload, error) {
	payloads := make([]*sendPayload, len(files))
	first := rand.Uint64N(1 << 62)
	for i, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p := &sendPayload{name: filepath.Base(file), body: body}
		if distinct {
			if p.spots, err = findSpots(body, uint64(len(files)*rounds)); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			p.number = func(round int) uint64 { return first + uint64(round*len(files)+i) }
		}
		if err := p.sign(ctx, secret, rounds); err != nil {
			return nil, err
		}
		payloads[i] = p
	}
	return payloads, nil
}

// call returns the body and the signature header of a round. The body must not
// be changed.
func (p *sendPayload) call(round int) (body []byte, signature string) {
	switch {
	case len(p.signatures) == 1:
		signature = p.signatures[0]
	case len(p.signatures) > 1:
		signature = p.signatures[round]
	}
	return p.bodyOf(round), signature
}

func (p *sendPayload) bodyOf(round int) []byte {
	if len(p.spots) == 0 {
		return p.body
	}
	body := bytes.Clone(p.body)
	for _, spot := range p.spots {
		spot.write(body, p.number(round))
	}
	return body
}

// sign computes the signatures of all rounds that differ.
func (p *sendPayload) sign(ctx context.Context, secret []byte, rounds int) error {
	if secret == nil {
		return nil
	}
	if len(p.spots) == 0 {
		rounds = 1
	}
	p.signatures = make([]string, rounds)
	for round := range rounds {
		if ctx.Err() != nil {
			return errors.New("interrupted before the first call")
		}
		p.signatures[round] = signatureOf(secret, p.bodyOf(round))
	}
	return nil
}

// signatureOf is the value of X-Rossum-Signature-SHA256 (Rossum API reference,
// Webhook events, validating payloads).
func signatureOf(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// findSpots finds the id of what the event is about wherever it stands in the
// body, URLs included, and the request id. There must be enough ids of that
// length for all calls.
func findSpots(body []byte, calls uint64) ([]sendSpot, error) {
	envelope, err := rossumapi.DecodeEnvelope(body)
	if err != nil {
		return nil, err
	}
	var spots []sendSpot
	if subject := subjectOf(envelope); subject != "" {
		if calls > decimalsOf(len(subject)) {
			return nil, fmt.Errorf("there are no %d ids as long as %s", calls, subject)
		}
		for _, offset := range findID(body, subject) {
			spots = append(spots, sendSpot{offset: offset, width: len(subject)})
		}
	}
	const uuid, node = 36, 12 // letters of a UUID and of its last part
	if len(envelope.RequestID) == uuid {
		for _, offset := range findID(body, envelope.RequestID) {
			spots = append(spots, sendSpot{offset: offset + uuid - node, width: node, hex: true})
		}
	}
	if len(spots) == 0 {
		return nil, errors.New("no annotation, upload, e-mail or request id that --distinct could change")
	}
	return spots, nil
}

// subjectOf is the decimal id of the event's annotation, upload or e-mail, or
// "": an invocation is told from others by its request id only.
func subjectOf(e rossumapi.Envelope) string {
	if e.Annotation.ID > 0 {
		return strconv.FormatInt(e.Annotation.ID, 10)
	}
	address := e.Upload
	if address == "" {
		address = e.Email
	}
	id := address[strings.LastIndex(address, "/")+1:]
	if number, err := strconv.ParseUint(id, 10, 63); err != nil || strconv.FormatUint(number, 10) != id {
		return ""
	}
	return id
}

// findID returns the offsets of id where it is not part of a longer number.
func findID(body []byte, id string) (offsets []int) {
	for from := 0; ; {
		at := bytes.Index(body[from:], []byte(id))
		if at < 0 {
			return offsets
		}
		at += from
		from = at + len(id)
		if (at == 0 || !isDigit(body[at-1])) && (from == len(body) || !isDigit(body[from])) {
			offsets = append(offsets, at)
		}
	}
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// write puts a number into the spot, modulo what fits.
func (s sendSpot) write(body []byte, number uint64) {
	target := body[s.offset : s.offset+s.width]
	if s.hex {
		copy(target, fmt.Sprintf("%0*x", s.width, number%(1<<(4*s.width))))
		return
	}
	span := decimalsOf(s.width)
	strconv.AppendUint(target[:0], span/9+number%span, 10)
}

// decimalsOf is how many decimal numbers of that many digits do not begin with
// 0, for up to 19 digits.
func decimalsOf(digits int) uint64 {
	span := uint64(9)
	for range digits - 1 {
		span *= 10
	}
	return span
}
