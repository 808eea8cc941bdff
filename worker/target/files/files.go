// Package files is what the transports of files have in common: which names
// are taken, what stands beside a document, what happens when a name is not
// free, and which outcome tells the truth about it.
//
// A delivery is staged whole before anything is visible. Companions get their
// names first and the document last: it is the commit. What is never done is
// to replace a file. A process or connection that dies while staging may leave
// a hidden .relay-*.part behind.
package files

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// Store is where files are kept, opened for one attempt and used by one goroutine. Its errors are *outcome.Error,
// fs.ErrNotExist and fs.ErrExist; any other is a reason to try again.
type Store interface {
	// Look says what stands under a name, with the SHA-256 of its content if hash and if it has no more than MaxHash
	// bytes. The error is fs.ErrNotExist where nothing does.
	Look(ctx context.Context, name string, hash bool) (Info, error)
	// Stage reads a content to its end and stores it so that nobody takes it for a file that is ready.
	Stage(ctx context.Context, c Content) (Staged, error)
	// Close ends the attempt. What was staged is committed or discarded by then.
	Close()
}

// Staged is a content that has no name yet.
type Staged interface {
	// Commit gives it a name that nobody has; else the error is fs.ErrExist. An error of kind uncertain says that it may
	// have the name.
	Commit(ctx context.Context, name string) error
	// Discard removes it, as well as that can be done.
	Discard(ctx context.Context)
}

// Content is a file on its way into a Store.
type Content struct {
	io.Reader
	// Name it will most likely have, below the Store's base.
	Name string
	// Type is its media type, "" where unknown.
	Type string
}

// Info is what is known of a stored file. It is the body of every response, as JSON.
type Info struct {
	// Name below the target's base.
	Name string `json:"name"`
	// Size in bytes.
	Size int64 `json:"size"`
	// SHA256 in hexadecimal, "" where unknown.
	SHA256 string `json:"sha256,omitempty"`
	// Modified is the store's time of the file.
	Modified time.Time `json:"modified,omitzero"`
}

// MaxHash is the size in bytes up to which stored files are read to compare them.
const MaxHash = 256 << 20

// Grace is how long a transport may go on after the end of an attempt, to clean up.
const Grace = time.Second

// Policy is what happens to a document whose name is taken.
type Policy string

// The policies.
const (
	// Fail rejects it.
	Fail Policy = "fail"
	// Same takes a file with the same content for the document, and rejects any other.
	Same Policy = "same"
	// Suffix stores it under the next free name, _2 to _99, unless one of the taken ones has the same content.
	Suffix Policy = "suffix"
)

const defaultTimeout = time.Minute

// notFinished is the reason of a document that is there without the file that says so.
const notFinished = "not_finished"

// Box puts files into a Store and looks for them. The zero values of its fields but Place and Open are its defaults.
type Box struct {
	// Place names the far end in messages.
	Place string
	// Policy for names that are taken. Defaults to Same.
	Policy Policy
	// Done is the suffix of the empty file written after a document; none is written by default.
	Done string
	// Timeout of a request that names none. Defaults to 60 s.
	Timeout time.Duration
	// Open opens the Store for an attempt.
	Open func(ctx context.Context) (Store, error)
}

// Do is target.Target's: PUT stores the request's document, or its first file where it has none, and the other files
// beside it. HEAD looks for the file, GET reads it for its hash too. Responses have the status an HTTP server would give:
// 201 stored, 200 there, 404 not there, 409 taken.
func (b *Box) Do(ctx context.Context, req *target.Request) (*target.Response, outcome.Outcome) {
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = b.Timeout
	}
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	a, err := b.attempt(ctx, req)
	if err != nil {
		return nil, b.failure(ctx, err, timeout)
	}
	return a.response(time.Since(began)), a.outcome
}

// answer is what is known at the end of an attempt that no error ended.
type answer struct {
	outcome outcome.Outcome
	info    Info
}

func (b *Box) attempt(ctx context.Context, req *target.Request) (answer, error) {
	if err := CheckName(req.Path); err != nil {
		return answer{}, err
	}
	do := b.look
	switch req.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut, "":
		do = b.put
	default:
		return answer{}, outcome.Errorf(outcome.Misconfigured, "bad_method", "files are put or looked for, %s is neither", req.Method)
	}
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	return do(ctx, req)
}

// look tells whether a file is there. Where the Box writes a file after the document, one without it is unfinished, and
// as good as not there.
func (b *Box) look(ctx context.Context, req *target.Request) (answer, error) {
	store, err := b.Open(ctx)
	if err != nil {
		return answer{}, err
	}
	defer store.Close()
	info, err := store.Look(ctx, req.Path, req.Method == http.MethodGet)
	if err == nil && b.Done != "" {
		_, err = store.Look(ctx, req.Path+b.Done, false)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return answer{outcome.Outcome{Kind: outcome.Retry, Reason: "not_found", Status: http.StatusNotFound,
			Message: b.Place + ": no such file"}, Info{Name: req.Path}}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return answer{outcome.Outcome{Kind: outcome.OK, Reason: "found", Status: http.StatusOK}, info}, nil
}

// failure is the outcome of an error. An attempt that was ended says so, instead of what broke because of it.
func (b *Box) failure(ctx context.Context, err error, timeout time.Duration) outcome.Outcome {
	out := outcome.Outcome{Kind: outcome.Retry, Reason: "store", Message: err.Error()}
	var known *outcome.Error
	if errors.As(err, &known) {
		out = known.Outcome
	}
	switch ended := ctx.Err(); {
	case ended == nil, out.Final(), out.Reason == notFinished:
	case errors.Is(ended, context.DeadlineExceeded):
		out.Reason, out.Message = "timeout", "not done in time (time-out "+timeout.String()+")"
	default:
		out.Reason, out.Message = "canceled", "interrupted"
	}
	if out.Kind == outcome.Uncertain && out.Reason != notFinished {
		out.Message += "; the document may have been stored"
	}
	out.Message = b.Place + ": " + out.Message
	return out
}

func (a answer) response(took time.Duration) *target.Response {
	body, _ := json.Marshal(a.info) // strings, a number and a time: cannot fail
	return &target.Response{
		Status: a.outcome.Status, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Took: took,
	}
}
