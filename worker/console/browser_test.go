package console_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rossum-relay/rossum-relay/worker/run"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

// screenshots is where the browser test puts pictures of every page, for people to look at.
var screenshots = flag.String("console.screenshots", os.Getenv("CONSOLE_SCREENSHOTS"), "directory for screenshots, outside the repository")

// browser starts a real browser; the test is skipped where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no chromium here: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1360, 900),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()))
	alloc, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // it tells that it was cancelled
		cancel()
		stop()
	})
	must(t, chromedp.Do(ctx)) // starts it; a time-out of this call would end it
	ctx, late := context.WithTimeout(ctx, 100*time.Second)
	t.Cleanup(late)
	return ctx
}

// shelf fills a console with one of everything.
func shelf(t *testing.T) (*desk, map[string]string) {
	d := open(t, relayYAML)
	d.n = 900
	for i := range 40 {
		if i%9 == 4 {
			d.die(rejected(fmt.Sprintf("the supplier %d of this invoice is not known", i)), nil)
		}
		d.done()
	}
	d.die(rejected("the tax code V9 is not allowed for this company"), nil)
	parked := d.parked()
	unsure := d.uncertain()
	hostile := d.die(rejected("<script>alert('x')</script> \u202Eevil\x1b[31m & \"quotes\" "+strings.Repeat("long ", 200)), nil)
	letter := d.die(rejected("the supplier is not known"), nil)
	must(t, d.op.As("otto").Hold(t.Context(), limits.HoldPipeline, "copy", "the archive moves to another disk"))
	d.caughtUp()
	return d, map[string]string{
		"overview": "/", "dead": "/dead", "runs": "/runs", "letter": "/runs/" + string(letter.Run), "uncertain": "/runs/" + string(unsure.Run),
		"parked": "/runs/" + string(parked.Run), "hostile": "/runs/" + string(hostile.Run), "targets": "/targets", "target": "/targets/erp", "pipeline": "/pipelines/copy",
		"deliveries": "/deliveries", "audit": "/audit", "jobs": "/jobs", "nothing found": "/runs?q=nothing", "error": "/targets/none", "login": "/login",
	}
}

// problems are what a script in the page finds: text of too little contrast, controls without a name, and more.
const problems = `(() => {
  const found = [];
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1}; };
  const over = (top, under) => ({r: top.r*top.a + under.r*(1-top.a), g: top.g*top.a + under.g*(1-top.a), b: top.b*top.a + under.b*(1-top.a), a: 1});
  const light = c => { const f = v => { v /= 255; return v <= 0.03928 ? v/12.92 : Math.pow((v+0.055)/1.055, 2.4); }; return 0.2126*f(c.r) + 0.7152*f(c.g) + 0.0722*f(c.b); };
  const behind = e => { const layers = []; for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor)); let c = {r: 255, g: 255, b: 255, a: 1}; for (const l of layers.reverse()) c = over(l, c); return c; };
  const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !seen(e) || e.closest('svg, option, script, noscript, .skip')) continue;
    texts++;
    const bg = behind(e), fg = over(parse(getComputedStyle(e).color), bg);
    const [a, b] = [light(fg), light(bg)], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push('contrast ' + ratio.toFixed(2) + ' of ' + JSON.stringify(walk.currentNode.textContent.trim().slice(0, 40)));
  }
  if (texts < 5) found.push('only ' + texts + ' texts: the page is empty');
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a[href], summary')) {
    const name = e.getAttribute('aria-label') || e.textContent.trim() || e.title || [...(e.labels || [])].map(l => l.textContent.trim()).join(' ');
    if (!name) found.push('no name: ' + e.outerHTML.slice(0, 120));
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push('twice the id ' + id);
  for (const e of document.querySelectorAll('[aria-labelledby]')) if (!document.getElementById(e.getAttribute('aria-labelledby'))) found.push('labelled by nothing: ' + e.outerHTML.slice(0, 80));
  if (document.querySelectorAll('h1').length !== 1) found.push(document.querySelectorAll('h1').length + ' h1');
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) found.push('wider than the window: ' + document.documentElement.scrollWidth + ' > ' + document.documentElement.clientWidth);
  if (document.querySelector('[style], style, main script')) found.push('inline style or script');
  return found;
})()`

// TestPagesInBrowser looks at every page in both themes and on a phone.
func TestPagesInBrowser(t *testing.T) {
	ctx := browser(t)
	d, pages := shelf(t)
	d.logIn(ctx, "alice")
	for _, view := range []struct {
		name          string
		theme         string
		width, height int64
	}{{"light", "light", 1360, 900}, {"dark", "dark", 1360, 900}, {"phone", "light", 390, 844}} {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.theme}},
		})
		must(t, err)
		must(t, chromedp.Do(ctx, chromedp.EmulateViewport(view.width, view.height)))
		for name, path := range pages {
			t.Run(view.name+"/"+name, func(t *testing.T) {
				must(t, chromedp.Do(ctx, chromedp.Navigate(d.url+path), chromedp.WaitReady("footer")))
				for _, problem := range value(ctx, t, chromedp.Evaluate[[]string](problems)) {
					t.Error(problem)
				}
				d.picture(ctx, t, name+"-"+view.name)
			})
		}
	}
}

func (d *desk) logIn(ctx context.Context, name string) {
	d.t.Helper()
	must(d.t, chromedp.Do(ctx, chromedp.Navigate(d.url+"/login"), chromedp.SendKeys("[name=name]", name), chromedp.SendKeys("[name=password]", password+kb.Enter),
		chromedp.WaitReady("nav")))
}

// picture keeps a picture of the whole page where one is wanted.
func (d *desk) picture(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	png := value(ctx, t, chromedp.FullScreenshot(100))
	must(t, os.MkdirAll(*screenshots, 0o755))
	must(t, os.WriteFile(filepath.Join(*screenshots, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o644))
}

// value runs an action that has one.
func value[T any](ctx context.Context, t *testing.T, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	must(t, err)
	return v
}

// focused is what has the focus, and whether that is to be seen.
type focused struct {
	Text    string `json:"text"`
	Outline string `json:"outline"`
}

func focus(ctx context.Context, t *testing.T) focused {
	t.Helper()
	const ask = `({text: document.activeElement.textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle})`
	return value(ctx, t, chromedp.Evaluate[focused](ask))
}

// TestKeyboard: who has no mouse sees where he is, skips the menu and replays a run.
func TestKeyboard(t *testing.T) {
	ctx := browser(t)
	d := open(t, relayYAML)
	letter := d.die(rejected("the supplier is not known"), nil)
	d.caughtUp()
	d.logIn(ctx, "otto")
	must(t, chromedp.Do(ctx, chromedp.Navigate(d.url+"/runs/"+string(letter.Run)), chromedp.WaitReady("footer"), chromedp.KeyEvent(kb.Tab)))
	if at := focus(ctx, t); at.Text != "Skip to the content" || at.Outline == "none" {
		t.Errorf("the first tab goes to %+v", at)
	}
	const form = `form[action$="/replay"] `
	must(t, chromedp.Do(ctx, chromedp.Focus(form+"[name=reason]"), chromedp.KeyEvent("known now"), chromedp.KeyEvent(kb.Tab)))
	if at := focus(ctx, t); at.Text != "Replay" || at.Outline == "none" {
		t.Errorf("behind the reason comes %+v", at)
	}
	must(t, chromedp.Do(ctx, chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(".said")))
	if said := value(ctx, t, chromedp.Text(".said")); !strings.Contains(said, "back at work") || d.stateOf(letter.Run) != run.Waiting {
		t.Errorf("%q, the run is %s", said, d.stateOf(letter.Run))
	}
}

// TestThemeAndSearch: the button beats the system's theme, and the search works as one types.
func TestThemeAndSearch(t *testing.T) {
	ctx := browser(t)
	d := open(t, relayYAML)
	d.done()
	d.caughtUp()
	d.logIn(ctx, "vera")
	must(t, chromedp.Do(ctx, chromedp.Navigate(d.url+"/runs"), chromedp.WaitReady("footer"), chromedp.Click(`.me form[action="/theme"] button`),
		chromedp.WaitReady(`html[data-theme="dark"] footer`)))
	if got := value(ctx, t, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`)); got != "rgb(16, 19, 23)" {
		t.Errorf("the dark page is %s", got)
	}
	must(t, chromedp.Do(ctx, chromedp.SendKeys("#q", "nothing like it"), chromedp.WaitVisible("#results .empty")))
	if at := value(ctx, t, chromedp.Location()); !strings.Contains(at, "q=nothing") {
		t.Errorf("the search does not stand in the address: %s", at)
	}
}
