package console

import (
	"embed"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
	"github.com/rossum-relay/rossum-relay/worker/operate"
)

//go:embed static
var static embed.FS

// maxBody bounds what a request may carry; an edited payload is the largest.
const maxBody = 8 << 20

// call is one request of somebody who may make it.
type call struct {
	s   *Server
	w   http.ResponseWriter
	r   *http.Request
	who access.Principal
	op  *operate.Operator
}

func (c *call) may(role configs.ConsoleRole) bool { return c.who.Role.Covers(role) }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	s.servePages(mux)
	s.serveAPI(mux)
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic("console: " + err.Error()) // they are compiled in
	}
	mux.Handle("GET /static/", cached(http.StripPrefix("/static/", http.FileServerFS(files))))
	return secured(http.NewCrossOriginProtection().Handler(mux))
}

// cached lets browsers keep files a day: their names change with the release.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		next.ServeHTTP(w, r)
	})
}

// secured sets the headers of every answer, and bounds what is read.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// guarded lets those in who have the role. Others get what refuse makes of the error.
func (s *Server) guarded(role configs.ConsoleRole, refuse func(*call, error), handle func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{s: s, w: w, r: r}
		var err error
		if c.who, err = s.Guard.Who(r); err == nil && !c.may(role) {
			err = errForbidden
		}
		if err == nil {
			c.op = s.Operator.As(c.who.Name)
			err = handle(c)
		}
		if err == nil {
			return
		}
		if status, _ := statusOf(err); status == http.StatusInternalServerError && r.Context().Err() == nil {
			s.Log.Warn("a request failed", zap.String("path", r.URL.Path), zap.Error(err))
		}
		refuse(c, err)
	}
}

// errForbidden: the role does not suffice.
var errForbidden = errors.New("your role does not allow this")

// remote is where a request comes from, for counting failed logins.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return strings.ToLower(host)
}
