// Package server is a language server for rules files: findings while one types, completion, what a name means, where
// it is defined, and the corrections that the linter knows. It speaks the Language Server Protocol over a pipe.
//
// It is made for large files: an edit is answered from what changed, and the check of everything follows when the
// author pauses.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Options are what the server needs of the rest of the program.
type Options struct {
	Catalogues map[string]*field.Catalogue
	// Check gives all findings about rules files that are read together. It must be safe for concurrent use.
	Check func([]rule.File) []rule.Diagnostic
	// Format lays out a rules file; the error says why it cannot.
	Format func(name string, data []byte) ([]byte, error)
	// Link gives the address of the explanation of a code.
	Link func(code string) string
	// Before are rules files that are read before the one that is edited.
	Before []rule.File
	// Read reads the files that the client names as read before the edited one.
	Read func(paths []string) ([]rule.File, error)
	// Pause is how long the author must have typed nothing before everything is checked.
	Pause time.Duration
}

// Serve answers until the client says exit, the pipe closes or ctx ends.
func Serve(ctx context.Context, pipe io.ReadWriteCloser, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{workspace: &workspace{options: o, open: map[string]*document{}, outside: map[string][]finding{}}, exit: cancel}
	for _, f := range o.Before {
		s.workspace.base = append(s.workspace.base, newDocument(fileURI(f.Name), 0, string(f.Data), false, nil))
	}
	stream := jsonrpc2.NewBufferedStream(pipe, jsonrpc2.VSCodeObjectCodec{})
	conn := jsonrpc2.NewConn(ctx, stream, jsonrpc2.HandlerWithError(s.handle))
	select {
	case <-conn.DisconnectNotify():
	case <-ctx.Done():
	}
	err := conn.Close()
	s.mu.Lock()
	s.dismiss()
	s.mu.Unlock()
	s.running.Wait()
	if err != nil && !errors.Is(err, jsonrpc2.ErrClosed) {
		return fmt.Errorf("close the connection: %w", err)
	}
	return nil
}

// session is the conversation with one client. Its messages are handled one at a time, in order.
type session struct {
	*workspace
	exit context.CancelFunc
	// running counts the checks of everything that are under way.
	running sync.WaitGroup
}

// workspace is what the client has open. mu guards everything but options.
type workspace struct {
	options Options
	mu      sync.Mutex
	utf8    bool
	base    []*document
	open    map[string]*document
	// outside are the findings of each open document that stand in no item.
	outside map[string][]finding
	// pending starts the next check of everything, which is of the document due.
	pending *time.Timer
	due     string
}

// before lists the documents that make sense of d, itself last.
func (w *workspace) before(d *document) []*document {
	var docs []*document
	for _, doc := range w.base {
		if doc.uri == d.uri {
			break
		}
		if open := w.open[doc.uri]; open != nil {
			doc = open
		}
		docs = append(docs, doc)
	}
	return append(docs, d)
}

// handle answers one message.
func (s *session) handle(ctx context.Context, conn *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Method {
	case "initialize":
		return s.initialize(r)
	case "shutdown":
		s.finish(ctx, conn)
		return nil, nil
	case "exit":
		s.exit()
		return nil, nil
	case "textDocument/didOpen", "textDocument/didChange", "textDocument/didSave", "textDocument/didClose":
		return nil, s.synchronize(ctx, conn, r)
	case "textDocument/completion":
		return at(s, r, s.complete)
	case "textDocument/hover":
		return at(s, r, s.hover)
	case "textDocument/definition":
		return at(s, r, s.define)
	case "textDocument/references":
		return at(s, r, s.references)
	case "textDocument/documentSymbol":
		return of(s, r, s.symbols)
	case "textDocument/formatting":
		return of(s, r, s.format)
	case "textDocument/codeAction":
		var p actionParams
		if err := decode(r.Params, &p); err != nil {
			return nil, invalid(err)
		}
		return of(s, r, func(d *document) (any, error) { return s.actions(d, p.Range), nil })
	}
	if r.Notif {
		return nil, nil
	}
	return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeMethodNotFound, Message: "the server does not know " + r.Method}
}

func invalid(err error) error {
	return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: err.Error()}
}

// at answers a request about a place in an open document; about another document there is nothing to say.
func at(s *session, r *jsonrpc2.Request, answer func(*document, int) any) (any, error) {
	var p positionParams
	if err := decode(r.Params, &p); err != nil {
		return nil, invalid(err)
	}
	d := s.open[p.TextDocument.URI]
	if d == nil {
		return nil, nil
	}
	return answer(d, d.offset(p.Position)), nil
}

// of answers a request about an open document.
func of(s *session, r *jsonrpc2.Request, answer func(*document) (any, error)) (any, error) {
	var p documentParams
	if err := decode(r.Params, &p); err != nil {
		return nil, invalid(err)
	}
	d := s.open[p.TextDocument.URI]
	if d == nil {
		return nil, nil
	}
	return answer(d)
}

func (s *session) initialize(r *jsonrpc2.Request) (any, error) {
	var p initializeParams
	if err := decode(r.Params, &p); err != nil {
		return nil, invalid(err)
	}
	encoding := "utf-16"
	for _, e := range p.Capabilities.General.PositionEncodings {
		if e == "utf-8" {
			encoding, s.utf8 = e, true
		}
	}
	if paths := p.InitializationOptions.Rules; len(paths) > 0 {
		files, err := s.options.Read(paths)
		if err != nil {
			return nil, invalid(err)
		}
		for _, f := range files {
			s.base = append(s.base, newDocument(fileURI(f.Name), 0, string(f.Data), s.utf8, nil))
		}
	}
	return capabilities(encoding), nil
}

// synchronize follows what the client does with a document.
func (s *session) synchronize(ctx context.Context, conn *jsonrpc2.Conn, r *jsonrpc2.Request) error {
	var p changeParams
	if err := decode(r.Params, &p); err != nil {
		return invalid(err)
	}
	uri := p.TextDocument.URI
	old := s.open[uri]
	switch {
	case r.Method == "textDocument/didOpen":
		s.open[uri] = newDocument(uri, p.TextDocument.Version, p.TextDocument.Text, s.utf8, nil)
	case old == nil:
		return nil
	case r.Method == "textDocument/didClose":
		delete(s.open, uri)
		delete(s.outside, uri)
		return s.publish(ctx, conn, uri, 0, []diagnostic{})
	case r.Method == "textDocument/didChange":
		d := old
		for _, c := range p.ContentChanges {
			text := c.Text
			if c.Range != nil {
				text = d.edited(*c.Range, c.Text)
			}
			d = newDocument(uri, p.TextDocument.Version, text, s.utf8, d)
		}
		s.open[uri] = d
		s.outside[uri] = nil // where they stand now is not known
		s.checkItems(d)
		if err := s.publish(ctx, conn, uri, d.version, s.diagnostics(d)); err != nil {
			return err
		}
	}
	s.checkLater(ctx, conn, uri, r.Method == "textDocument/didChange")
	return nil
}

func (s *session) publish(ctx context.Context, conn *jsonrpc2.Conn, uri string, version int, list []diagnostic) error {
	return conn.Notify(ctx, "textDocument/publishDiagnostics", publishParams{URI: uri, Version: version, Diagnostics: list})
}

// checkLater checks everything once the author pauses, or at once.
func (s *session) checkLater(ctx context.Context, conn *jsonrpc2.Conn, uri string, pause bool) {
	s.dismiss()
	wait := time.Duration(0)
	if pause {
		wait = s.options.Pause
	}
	s.running.Add(1)
	s.due = uri
	s.pending = time.AfterFunc(wait, func() {
		defer s.running.Done()
		s.checkAll(ctx, conn, uri)
	})
}

// finish makes the check that is due or under way end before the client goes, so that its findings are sent.
func (s *session) finish(ctx context.Context, conn *jsonrpc2.Conn) {
	early := s.dismiss()
	s.mu.Unlock()
	if early {
		s.checkAll(ctx, conn, s.due)
	}
	s.running.Wait()
	s.mu.Lock()
}

// dismiss takes back a check that has not begun and tells whether there was one.
func (s *session) dismiss() bool {
	if s.pending == nil || !s.pending.Stop() {
		return false
	}
	s.running.Done()
	return true
}

// checkAll checks the document with all that is read before it. The check itself holds no lock: when the document
// changed meanwhile its result is void, since another check follows.
func (s *session) checkAll(ctx context.Context, conn *jsonrpc2.Conn, uri string) {
	s.mu.Lock()
	d := s.open[uri]
	if d == nil || ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	files := s.files(d)
	s.mu.Unlock()
	found := s.options.Check(files)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[uri] != d {
		return
	}
	s.outside[uri] = d.distribute(found)
	// The only error is that the client is gone.
	_ = s.publish(ctx, conn, uri, d.version, s.diagnostics(d))
}

// format gives the edits that lay the document out: one that replaces it, none when it is so already.
func (s *session) format(d *document) (any, error) {
	text, err := s.options.Format(d.uri, []byte(d.text))
	if err != nil {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInternalError, Message: err.Error()}
	}
	if string(text) == d.text {
		return []textEdit{}, nil
	}
	return []textEdit{{Range: d.span(0, len(d.text)), NewText: string(text)}}, nil
}
