// Package target is what a pipeline sends through: one folder per transport,
// one interface for all, and one conformance suite.
package target

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// Target delivers one request at a time to an ERP endpoint. It is safe for
// concurrent use and keeps no state of runs.
type Target interface {
	// Do sends the request and says what happened. It blocks until the answer, the context's end or the request's
	// time-out. The outcome is the default classification of the transport: whether anything may have been applied,
	// not whether the body means success. It never repeats a request by itself. The response is nil where none came.
	Do(ctx context.Context, req *Request) (*Response, outcome.Outcome)
	// Instance is host and account: limits and the ledger hold per instance.
	Instance() string
	// Close releases idle connections.
	Close()
}

// Request is one request to a target.
type Request struct {
	// Method of HTTP; PUT where a transport has none, GET and HEAD look.
	Method string
	// Path below the target's base, escaped; or the file name for SFTP, S3 and directories.
	Path   string
	Query  url.Values
	Header http.Header
	// Body is the document. Files make a multipart body in which Body, where present, is the part BodyName.
	Body        []byte
	ContentType string
	BodyName    string
	Files       []File
	Form        url.Values
	// Safe says that repeating cannot double anything: reads, and writes by key.
	Safe bool
	// Timeout of the attempt.
	Timeout time.Duration
}

// File is one part of a multipart body, or a file to put beside the document, streamed. The only file of an HTTP request,
// without a Part, is the body itself.
type File struct {
	Part, Name, ContentType string
	// Open is called at most once per attempt; the reader is closed by the target.
	Open func(ctx context.Context) (io.ReadCloser, error)
	Size int64 // -1 where only the reader may know, see SizeOf
	// SHA256 of the content in hexadecimal, without files embedded in it; "" where only Open tells.
	SHA256 string
}

// Response is what came back.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Took    time.Duration
	Partial bool // the body was cut by an error or the limit
}

// SizeOf is the size of a file's content in bytes: the one declared, else what the opened reader's method Size tells, -1
// where nobody knows. Some ERPs refuse requests without a length (411).
func SizeOf(declared int64, opened io.Reader) int64 {
	if sized, ok := opened.(interface{ Size() int64 }); ok && declared < 0 {
		return sized.Size()
	}
	return declared
}
