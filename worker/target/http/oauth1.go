package httptarget

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// oauth1 signs every call with HMAC-SHA256 (RFC 5849 with NetSuite's token-based authentication, which takes no SHA-1;
// the realm is sent, but not signed).
type oauth1 struct{ cfg configs.OAuth1Auth }

func newOAuth1(cfg configs.OAuth1Auth) *oauth1 { return &oauth1{cfg} }

func (o *oauth1) authorize(_ context.Context, c *call) error {
	c.header.Set("Authorization", o.header(c, rand.Text(), time.Now()))
	return nil
}

func (o *oauth1) expired(*call, *target.Response) bool { return false }

func (o *oauth1) secrets() []string {
	return []string{o.cfg.ConsumerKey.Reveal(), o.cfg.ConsumerSecret.Reveal(), o.cfg.Token.Reveal(), o.cfg.TokenSecret.Reveal()}
}

func (o *oauth1) header(c *call, nonce string, now time.Time) string {
	params := []param{
		{"oauth_consumer_key", o.cfg.ConsumerKey.Reveal()},
		{"oauth_nonce", nonce},
		{"oauth_signature_method", "HMAC-SHA256"},
		{"oauth_timestamp", strconv.FormatInt(now.Unix(), 10)},
		{"oauth_token", o.cfg.Token.Reveal()},
		{"oauth_version", "1.0"},
	}
	signature := o.sign(signatureBase(c, params))
	parts := []string{`realm="` + escape(o.cfg.Realm) + `"`}
	for _, p := range append(params, param{"oauth_signature", signature}) {
		parts = append(parts, p.name+`="`+escape(p.value)+`"`)
	}
	return "OAuth " + strings.Join(parts, ", ")
}

func (o *oauth1) sign(base string) string {
	mac := hmac.New(sha256.New, []byte(escape(o.cfg.ConsumerSecret.Reveal())+"&"+escape(o.cfg.TokenSecret.Reveal())))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

type param struct{ name, value string }

// signatureBase is RFC 5849, 3.4.1: method, URL without query, and all parameters sorted by their escaped form.
func signatureBase(c *call, oauth []param) string {
	var pairs []string
	for _, p := range oauth {
		pairs = append(pairs, escape(p.name)+"="+escape(p.value))
	}
	query, _ := url.ParseQuery(c.url.RawQuery) // what cannot be parsed is not signed, and refused by the ERP
	for _, values := range []url.Values{query, c.form} {
		for name, list := range values {
			for _, value := range list {
				pairs = append(pairs, escape(name)+"="+escape(value))
			}
		}
	}
	slices.Sort(pairs)
	plain := url.URL{Scheme: c.url.Scheme, Host: hostWithoutDefaultPort(c.url), Path: c.url.Path, RawPath: c.url.RawPath}
	return strings.ToUpper(c.method) + "&" + escape(plain.String()) + "&" + escape(strings.Join(pairs, "&"))
}

func hostWithoutDefaultPort(u *url.URL) string {
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return u.Hostname()
	}
	return u.Host
}

// escape is RFC 3986 percent encoding (RFC 5849, 3.6): url.QueryEscape but for the space.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
