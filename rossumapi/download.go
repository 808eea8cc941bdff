package rossumapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/go-resty/resty/v2"
)

// File is a file being downloaded. The caller closes Body.
type File struct {
	Body        io.ReadCloser
	Size        int64  // -1 if unknown
	ContentType string // as sent, "" if not
	Name        string // from Content-Disposition, "" if not sent
}

// Download streams a file, such as a document's content URL. No time limit
// holds but ctx's. Up to three redirects are followed to storage hosts: https
// only, without the token, not to private addresses unless the options allow
// them.
func (c *Client) Download(ctx context.Context, target string) (*File, error) {
	r := get(target)
	r.stream = true
	return c.download(ctx, r)
}

func (c *Client) download(ctx context.Context, r request) (*File, error) {
	const maxRedirects = 3
	response, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	for range maxRedirects {
		if !isRedirect(response.StatusCode()) {
			break
		}
		response.RawBody().Close()
		if response, err = c.follow(ctx, response); err != nil {
			return nil, fmt.Errorf("rossum: %s %s: redirect: %w", r.method, pathOf(r.url), err)
		}
	}
	if status := response.StatusCode(); status/100 != 2 {
		response.RawBody().Close()
		return nil, fmt.Errorf("rossum: %s %s: redirect: storage answered %d", r.method, pathOf(r.url), status)
	}
	_, disposition, err := mime.ParseMediaType(response.Header().Get("Content-Disposition"))
	if err != nil {
		disposition = nil // the name is a convenience
	}
	return &File{
		Body:        response.RawBody(),
		Size:        response.RawResponse.ContentLength,
		ContentType: response.Header().Get("Content-Type"),
		Name:        disposition["filename"],
	}, nil
}

// follow requests the target of a redirect, without the token.
func (c *Client) follow(ctx context.Context, response *resty.Response) (*resty.Response, error) {
	location, err := response.RawResponse.Location()
	if err != nil {
		return nil, errors.New("no usable location")
	}
	client := c.storage
	switch {
	case c.base.check(location.String()) == nil:
		client = c.http
	case location.Scheme != "https" || location.User != nil:
		return nil, errors.New("location is not https")
	}
	next, err := client.R().SetContext(ctx).SetDoNotParseResponse(true).Get(location.String())
	if err != nil {
		return nil, withoutURL(err)
	}
	return next, nil
}

// publicDial connects to public addresses only: a redirect must not lead to
// services of the network the relay runs in. The check is made on the address
// that is connected to, so no DNS answer can slip past it.
func publicDial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil || !isPublic(target.Addr().Unmap()) {
				return errors.New("address is not public")
			}
			return nil
		},
	}
	return dialer.DialContext(ctx, network, address)
}

func isPublic(ip netip.Addr) bool {
	carrierNAT := netip.MustParsePrefix("100.64.0.0/10")
	nat64 := netip.MustParsePrefix("64:ff9b::/96")
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !carrierNAT.Contains(ip) && !nat64.Contains(ip)
}

// ExportQueue streams the queue's data in a format: csv, xml, xlsx or json.
// Filter by query, or everything is exported. It changes no status.
func (c *Client) ExportQueue(ctx context.Context, queueID int64, format string, query url.Values) (*File, error) {
	filtered := url.Values{"format": {format}}
	for key, values := range query {
		filtered[key] = values
	}
	r := get(withQuery(c.resource("queues", queueID)+"/export", filtered))
	r.stream = true
	return c.download(ctx, r)
}

// ExportQueueTo moves the annotations that match query to status "exporting"
// or "exported"; those already there are untouched.
func (c *Client) ExportQueueTo(ctx context.Context, queueID int64, status string, query url.Values) error {
	filtered := url.Values{"format": {"json"}, "to_status": {status}}
	for key, values := range query {
		filtered[key] = values
	}
	return c.call(ctx, http.MethodPost, withQuery(c.resource("queues", queueID)+"/export", filtered), nil, nil)
}
