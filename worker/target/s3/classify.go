package s3target

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/minio/minio-go/v7"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// known are the error codes whose meaning does not follow from their status (Amazon S3 API reference, error responses;
// XMinio* of MinIO).
var known = map[string]struct {
	kind         outcome.Kind
	reason, what string
}{
	"InvalidAccessKeyId":             {outcome.Reauth, "credentials", "the access key is unknown"},
	"SignatureDoesNotMatch":          {outcome.Reauth, "credentials", "the secret key is wrong"},
	"ExpiredToken":                   {outcome.Reauth, "credentials", "the credentials have expired"},
	"InvalidToken":                   {outcome.Reauth, "credentials", "the credentials are not valid"},
	"AccountProblem":                 {outcome.Reauth, "credentials", "the account is not usable"},
	"AccessDenied":                   {outcome.Misconfigured, "permission", "no permission; the keys need s3:PutObject, s3:GetObject and s3:ListBucket"},
	"RequestTimeTooSkewed":           {outcome.Misconfigured, "clock", "the clock of this machine or of the store is wrong"},
	"NoSuchBucket":                   {outcome.Misconfigured, "no_bucket", "there is no such bucket"},
	"AuthorizationHeaderMalformed":   {outcome.Misconfigured, "region", "the region is wrong"},
	"PermanentRedirect":              {outcome.Misconfigured, "region", "the bucket is at another endpoint"},
	"TemporaryRedirect":              {outcome.Retry, "redirect", "the bucket is being moved"},
	"NotImplemented":                 {outcome.Misconfigured, "not_supported", "the store does not support conditional writes or checksums"},
	"KeyTooLongError":                {outcome.Rejected, "name_too_long", "the file name is too long"},
	"EntityTooLarge":                 {outcome.Rejected, "too_large", "the file is larger than the store takes"},
	"ConditionalRequestConflict":     {outcome.Retry, "conflict", "another write of this name is under way"},
	"OperationAborted":               {outcome.Retry, "conflict", "another write of this name is under way"},
	"NoSuchUpload":                   {outcome.Retry, "upload_gone", "the store has dropped the parts of the upload"},
	"BadDigest":                      {outcome.Retry, "checksum", "the content was damaged on its way"},
	"XAmzContentSHA256Mismatch":      {outcome.Retry, "checksum", "the content was damaged on its way"},
	"InvalidPart":                    {outcome.Retry, "checksum", "the content was damaged on its way"},
	"IncompleteBody":                 {outcome.Retry, "checksum", "the content was damaged on its way"},
	"RequestTimeout":                 {outcome.Retry, "slow", "the content came too slowly"},
	"SlowDown":                       {outcome.Throttled, "throttled", "too many requests"},
	"TooManyRequests":                {outcome.Throttled, "throttled", "too many requests"},
	"QuotaExceeded":                  {outcome.Retry, "full", "no room for the document"},
	"XMinioStorageFull":              {outcome.Retry, "full", "no room for the document"},
	"XMinioAdminBucketQuotaExceeded": {outcome.Retry, "full", "no room for the document"},
}

// classify names the error of a request that makes no document visible.
func classify(err error) error {
	var answered minio.ErrorResponse
	if !errors.As(err, &answered) {
		return files.NetworkError(err)
	}
	if answered.Code == "NoSuchKey" || answered.StatusCode == http.StatusNotFound && answered.Code == "" {
		return fs.ErrNotExist
	}
	out := outcome.Outcome{Kind: outcome.Misconfigured, Reason: "s3_other", Message: "the store answered " + http.StatusText(answered.StatusCode),
		Status: answered.StatusCode, Excerpt: outcome.Excerpt([]byte(answered.Code + ": " + answered.Message))}
	k, ok := known[answered.Code]
	switch {
	case ok:
		out.Kind, out.Reason, out.Message = k.kind, k.reason, k.what
	case answered.StatusCode == http.StatusPreconditionFailed:
		return fs.ErrExist
	case answered.StatusCode == http.StatusTooManyRequests:
		out.Kind, out.Reason = outcome.Throttled, "throttled"
	case answered.StatusCode == http.StatusInsufficientStorage:
		out.Kind, out.Reason, out.Message = outcome.Retry, "full", "no room for the document"
	case answered.StatusCode == 0: // the client's own, about an answer it cannot read
		out.Kind, out.Reason, out.Message = outcome.Retry, "protocol", "the answer is not that of an S3 store"
	case answered.StatusCode >= 500:
		out.Kind, out.Reason = outcome.Retry, "s3_5xx"
	}
	return &outcome.Error{Outcome: out}
}

// classifyCommit names the error of a request that makes a document visible. It is uncertain from the first written byte
// on, unless the store says that it did nothing.
func classifyCommit(err error, wrote bool) error {
	if err == nil {
		return nil
	}
	var answered minio.ErrorResponse
	answer := errors.As(err, &answered) && answered.StatusCode > 0 // of the store
	_, sure := known[answered.Code]
	switch answered.StatusCode {
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		sure = true
	}
	var named *outcome.Error
	if err = classify(err); !errors.As(err, &named) || sure || !wrote {
		return err
	}
	if !answer || answered.StatusCode >= 500 {
		named.Outcome.Kind = outcome.Uncertain
	}
	return err
}

// traced tells whether something of the requests made with the context was written.
func traced(ctx context.Context) (context.Context, func() bool) {
	var wrote atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { wrote.Store(true) },
	}), wrote.Load
}
