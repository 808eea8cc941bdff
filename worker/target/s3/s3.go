// Package s3target puts documents into a bucket of Amazon S3 or a compatible
// store, each under a key nobody has and with checksums the store verifies.
package s3target

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
	"github.com/rossum-relay/rossum-relay/worker/trace"
)

// Options is what a Target needs beside its configuration.
type Options struct {
	// Timeout of a request that names none. Defaults to 60 s.
	Timeout time.Duration
}

const (
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	// idleTimeout is short: a request on a connection that the store has closed meanwhile is uncertain.
	idleTimeout = 5 * time.Second
	// defaultRegion is what compatible stores expect where they have no regions.
	defaultRegion = "us-east-1"
)

// Target is a bucket. It implements target.Target; names are keys.
type Target struct {
	instance  string
	transport *http.Transport
	box       files.Box
}

var _ target.Target = (*Target)(nil)

// New makes a target of its configuration, whose secrets must be resolved; it connects to nothing. Close it when done.
func New(name string, cfg configs.S3Target, opts Options) (*Target, error) {
	endpoint, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	if err := s3utils.CheckValidBucketNameStrict(cfg.Bucket); err != nil {
		return nil, fmt.Errorf("target %s: bucket is not the name of a bucket", name)
	}
	if cfg.AccessKey.IsZero() || cfg.SecretKey.IsZero() {
		return nil, fmt.Errorf("target %s: access_key and secret_key are needed", name)
	}
	t := &Target{instance: endpoint.Host + "/" + cfg.Bucket, transport: newTransport(cfg.Private)}
	client, err := newClient(cfg, endpoint, trace.Transport(t.transport))
	if err != nil {
		return nil, fmt.Errorf("target %s: endpoint is not that of a store", name)
	}
	t.box = files.Box{
		Place: endpoint.Host, Policy: files.Policy(cfg.Collision), Timeout: opts.Timeout,
		Open: func(context.Context) (files.Store, error) { return &store{client: client, bucket: cfg.Bucket}, nil },
	}
	return t, nil
}

// Instance is host and bucket: the bucket is the account, so that new keys keep the ledger.
func (t *Target) Instance() string { return t.instance }

// Close releases idle connections.
func (t *Target) Close() { t.transport.CloseIdleConnections() }

// Do puts the request's files into the bucket or looks for one, see files.Box.
func (t *Target) Do(ctx context.Context, req *target.Request) (*target.Response, outcome.Outcome) {
	return t.box.Do(ctx, req)
}

func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("endpoint must be http://host or https://host")
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("endpoint must be scheme and host only")
	}
	u.Host, u.Path = strings.ToLower(u.Host), ""
	return u, nil
}

func newTransport(private bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: netguard.Guard{Private: private}.Control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true,
	}
}

// newClient makes a client that sends each request once. Buckets are part of the host name at Amazon only.
func newClient(cfg configs.S3Target, endpoint *url.URL, transport http.RoundTripper) (*minio.Core, error) {
	lookup := minio.BucketLookupPath
	if s3utils.IsAmazonEndpoint(*endpoint) {
		lookup = minio.BucketLookupAuto
	}
	region := cfg.Region
	if region == "" {
		region = s3utils.GetRegionFromURL(*endpoint)
	}
	if region == "" { // else the client asks the store, for which many accounts have no permission
		region = defaultRegion
	}
	return minio.NewCore(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(cfg.AccessKey.Reveal(), cfg.SecretKey.Reveal(), ""),
		Secure: endpoint.Scheme == "https", Transport: transport, Region: region, BucketLookup: lookup,
		TrailingHeaders: true, // without which the client refuses checksums
		MaxRetries:      1,
	})
}
