package alert

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"os"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/target/netguard"
)

// mailer sends mail over one mail server.
type mailer struct {
	cfg configs.SMTPReceiver
	// roots are trusted instead of the system's, where tests need it.
	roots *x509.CertPool
}

// Send writes one mail to all recipients.
func (m *mailer) Send(ctx context.Context, n Notice) error {
	from, to, err := m.addresses()
	if err != nil {
		return err
	}
	c, err := m.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if m.cfg.Username != "" {
		host, _, _ := net.SplitHostPort(m.cfg.Address)
		if err := c.Auth(smtp.PlainAuth("", m.cfg.Username, m.cfg.Password.Reveal(), host)); err != nil {
			return fmt.Errorf("login: %w", err)
		}
	}
	if err := c.Mail(from.Address); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	for _, a := range to {
		if err := c.Rcpt(a.Address); err != nil {
			return fmt.Errorf("recipient: %w", err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if _, err := w.Write(letter(from, to, n)); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := w.Close(); err != nil { // the server has taken it over
		return fmt.Errorf("mail: %w", err)
	}
	_ = c.Quit()
	return nil
}

func (m *mailer) addresses() (from *mail.Address, to []*mail.Address, err error) {
	if from, err = mail.ParseAddress(m.cfg.From); err != nil {
		return nil, nil, fmt.Errorf("from: %w", err)
	}
	for _, r := range m.cfg.Recipients {
		a, err := mail.ParseAddress(r)
		if err != nil {
			return nil, nil, fmt.Errorf("recipients: %w", err)
		}
		to = append(to, a)
	}
	return from, to, nil
}

// connect greets the server, over TLS as configured.
func (m *mailer) connect(ctx context.Context) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(m.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	dialer := &net.Dialer{Timeout: dialWithin, Control: netguard.Guard{Private: m.cfg.Private}.Control}
	conn, err := dialer.DialContext(ctx, "tcp", m.cfg.Address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: m.roots}
	if m.cfg.Encryption == "tls" {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := m.greet(c, secure); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (m *mailer) greet(c *smtp.Client, secure *tls.Config) error {
	if name, err := os.Hostname(); err == nil && name != "" && !strings.ContainsAny(name, "\r\n ") {
		if err := c.Hello(name); err != nil {
			return fmt.Errorf("greeting: %w", err)
		}
	}
	if m.cfg.Encryption != "starttls" {
		return nil
	}
	if ok, _ := c.Extension("STARTTLS"); !ok {
		return errors.New("the mail server has no STARTTLS; set encryption: tls or none")
	}
	return c.StartTLS(secure)
}

// letter is the mail: one line for each alert, what to do below it.
func letter(from *mail.Address, to []*mail.Address, n Notice) []byte {
	var b bytes.Buffer
	var all []string
	for _, a := range to {
		all = append(all, a.String())
	}
	host := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", strings.Join(all, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", "[rossum-relay] "+n.title())},
		{"Date", n.At.Format(time.RFC1123Z)}, {"Message-ID", "<" + rand.Text() + "@" + host + ">"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no answers of machines, please
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	for _, a := range n.Alerts {
		fmt.Fprintf(w, "%s: %s\r\n  since %s", a.word(), a.Summary, a.Since.Format(time.RFC1123))
		if a.State == Resolved {
			fmt.Fprintf(w, ", until %s", a.Resolved.Format(time.RFC1123))
		} else if a.Try != "" {
			fmt.Fprintf(w, "\r\n  %s", a.Try)
		}
		fmt.Fprint(w, "\r\n\r\n")
	}
	fmt.Fprintf(w, "relay %s\r\n", n.Relay)
	_ = w.Close() // into memory
	return b.Bytes()
}
