package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

const (
	dialWithin = 10 * time.Second
	// readAnswer is how much of an answer is read, so that the connection can be used again.
	readAnswer = 64 << 10
)

// newReceiver makes the one receiver that is configured.
func newReceiver(cfg configs.Receiver) (Receiver, error) {
	switch {
	case cfg.Webhook != nil:
		p, err := newPoster(cfg.Webhook.URL, cfg.Webhook.Private)
		if err != nil {
			return nil, err
		}
		for _, h := range cfg.Webhook.Headers {
			p.header.Set(h.Name, h.Value.Reveal())
		}
		return webhook{p}, nil
	case cfg.Slack != nil:
		p, err := newPoster(cfg.Slack.URL, cfg.Slack.Private)
		return slack{p}, err
	case cfg.SMTP != nil:
		return &mailer{cfg: *cfg.SMTP}, nil
	}
	return nil, errors.New("no receiver")
}

// poster posts JSON to one URL, which may be a secret.
type poster struct {
	client *http.Client
	url    string
	header http.Header
}

// newPoster guards the URL: https, and no address of a private network unless that is allowed.
func newPoster(secret configs.Secret, private bool) (*poster, error) {
	u, err := url.Parse(secret.Reveal())
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("url is not a URL")
	case u.Scheme == "http" && !private:
		return nil, errors.New("url must be https; http is for private networks only, with private: true")
	}
	dialer := &net.Dialer{Timeout: dialWithin, Control: netguard.Guard{Private: private}.Control}
	return &poster{
		url: u.String(), header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"rossum-relay"}},
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: dialWithin, ForceAttemptHTTP2: true,
				DisableKeepAlives: true, // alerts are rare
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// post sends v; every status but 2xx is an error.
func (p *poster) post(ctx context.Context, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("url cannot be used")
	}
	req.Header = p.header.Clone()
	resp, err := p.client.Do(req)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		return withURL.Err
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, readAnswer) // what it says does not matter
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// webhook gets the notice as it is.
type webhook struct{ *poster }

// Send posts the notice.
func (w webhook) Send(ctx context.Context, n Notice) error { return w.post(ctx, n) }

// slack gets text in Slack's form of Markdown.
type slack struct{ *poster }

// Send posts the notice as text.
func (s slack) Send(ctx context.Context, n Notice) error {
	return s.post(ctx, map[string]string{"text": slackText(n)})
}

// slackText escapes what Slack takes for links and mentions (Slack API, formatting text for app surfaces).
func slackText(n Notice) string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	var b strings.Builder
	fmt.Fprintf(&b, "*%s* %s", escape(n.Relay), escape(n.title()))
	for _, a := range n.Alerts {
		if len(n.Alerts) > 1 {
			fmt.Fprintf(&b, "\n• *%s* %s", a.word(), escape(a.Summary))
		}
		if a.State == Firing && a.Try != "" {
			fmt.Fprintf(&b, "\n   `%s`", escape(strings.ReplaceAll(a.Try, "`", "'")))
		}
	}
	return b.String()
}
