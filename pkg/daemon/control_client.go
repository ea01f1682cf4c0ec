package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/saker-security/saker/pkg/deliver/desk"
)

// ErrNotRunning says that no program uses a data directory.
var ErrNotRunning = errors.New("no program uses the data directory")

// Control talks to the program that uses a data directory. Its methods are those of desk.Desk.
type Control struct{ client *http.Client }

// Dial connects to the program that uses the data directory. The error is ErrNotRunning when there is none, or none
// with a control socket.
func Dial(ctx context.Context, dir string) (*Control, error) {
	path := filepath.Join(dir, controlName)
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	c, err := dial(ctx)
	// EINVAL is about a path that is too long for a socket: the program has none there.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EINVAL) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the running program: %w", err)
	}
	c.Close()
	return &Control{&http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableKeepAlives: true,
	}}}, nil
}

func (c *Control) ask(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://saker"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := c.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the running program: %w", err)
	}
	return a, nil
}

// List is desk.Desk.List.
func (c *Control) List(ctx context.Context, q desk.Query, give func(desk.Item) error) ([]desk.Sink, error) {
	values := url.Values{"sink": {q.Sink}, "state": {q.State}, "id": {q.ID}, "limit": {strconv.Itoa(q.Limit)}, "full": {strconv.FormatBool(q.Full)}}
	a, err := c.ask(ctx, http.MethodGet, pathAlerts+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	for lines := json.NewDecoder(a.Body); ; {
		var line controlLine
		if err := lines.Decode(&line); err != nil {
			return nil, fmt.Errorf("read the answer of the running program: %w", err)
		}
		switch {
		case line.Item != nil:
			if err := give(*line.Item); err != nil {
				return nil, err
			}
		case line.End:
			return line.Sinks, nil
		default:
			return nil, errors.New(line.Error)
		}
	}
}

// Replay is desk.Desk.Replay.
func (c *Control) Replay(ctx context.Context, choice desk.Choice) (desk.Result, error) {
	return c.change(ctx, pathReplay, choice)
}

// Drop is desk.Desk.Drop.
func (c *Control) Drop(ctx context.Context, choice desk.Choice) (desk.Result, error) {
	return c.change(ctx, pathDrop, choice)
}

func (c *Control) change(ctx context.Context, path string, choice desk.Choice) (desk.Result, error) {
	body, err := json.Marshal(choice)
	if err != nil {
		return desk.Result{}, err
	}
	a, err := c.ask(ctx, http.MethodPost, path, body)
	if err != nil {
		return desk.Result{}, err
	}
	defer a.Body.Close()
	var r controlResult
	if err := json.NewDecoder(a.Body).Decode(&r); err != nil {
		return r.Result, fmt.Errorf("read the answer of the running program (%s): %w", a.Status, err)
	}
	if r.Error != "" {
		return r.Result, errors.New(r.Error)
	}
	return r.Result, nil
}
