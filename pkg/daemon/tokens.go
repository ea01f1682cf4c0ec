package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/internal/regular"
)

const (
	// maxTokens bounds a file of tokens in bytes.
	maxTokens = 1 << 20
	// weakToken is the length below which a token can be guessed.
	weakToken = 16
	// othersMode are the rights that a file of tokens should give to nobody.
	othersMode os.FileMode = 0o137
)

// tokenFile is a file of bearer tokens, read again when it changed. It is safe for concurrent use.
type tokenFile struct {
	name string
	log  *zap.Logger

	mu     sync.Mutex
	seen   fileStamp
	tokens []string
	// failure says why the file cannot be used as it is now; empty when it can.
	failure string
}

// fileStamp tells whether a file changed.
type fileStamp struct {
	at   time.Time
	size int64
	file fileID
}

func stampOf(name string) (s fileStamp) {
	if info, err := os.Stat(name); err == nil {
		s = fileStamp{info.ModTime(), info.Size(), fileOf(info)}
	}
	return s
}

// openTokens reads a file of tokens. One without a token is an error: it would keep everybody out.
func openTokens(name string, log *zap.Logger) (*tokenFile, error) {
	t := &tokenFile{name: name, log: log, seen: stampOf(name)}
	var err error
	if t.tokens, err = readTokens(name); err != nil {
		return nil, err
	}
	t.look()
	return t, nil
}

// list gives the tokens that are valid now. A changed file that cannot be used, such as one that is just being written,
// leaves them as they are until it changes again.
func (t *tokenFile) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := stampOf(t.name)
	if now == t.seen {
		return t.tokens
	}
	t.seen = now
	tokens, err := readTokens(t.name)
	if err != nil {
		t.failure = oneLine(err)
		t.log.Error("the changed file of tokens cannot be used, the tokens that were in it stay valid", zap.Error(err))
		return t.tokens
	}
	t.tokens, t.failure = tokens, ""
	t.look()
	t.log.Info("tokens read again", zap.String("file", t.name), zap.Int("tokens", len(tokens)))
	return t.tokens
}

// problem says why the file cannot be used as it is now; empty when it can.
func (t *tokenFile) problem() string {
	t.list()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}

// look warns of what is weak.
func (t *tokenFile) look() {
	if info, err := os.Stat(t.name); err == nil && info.Mode().Perm()&othersMode != 0 {
		t.log.Warn("others than its owner and group may read the file of tokens, or the group may write it; give it the mode 0640 or 0600",
			zap.String("file", t.name), zap.String("mode", fmt.Sprintf("%04o", info.Mode().Perm())))
	}
	for _, token := range t.tokens {
		if len(token) < weakToken {
			t.log.Warn("a token is so short that it can be guessed; make one with: openssl rand -hex 32", zap.String("file", t.name), zap.Int("bytes", len(token)))
			return
		}
	}
}

// readTokens reads the tokens of a file. Errors show nothing of what is in it.
func readTokens(name string) ([]string, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, fmt.Errorf("audit.token_file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTokens+1))
	if err != nil {
		return nil, fmt.Errorf("audit.token_file: %w", err)
	}
	tokens, err := parseTokens(data)
	if err != nil {
		return nil, fmt.Errorf("audit.token_file: %s%w", name, err)
	}
	return tokens, nil
}

// parseTokens finds the tokens in the text of a file: one on a line; blank lines and lines that begin with # do not
// count. The error goes on behind the name of the file.
func parseTokens(data []byte) ([]string, error) {
	if len(data) > maxTokens {
		return nil, fmt.Errorf(": has more than %d bytes; write one bearer token on a line", maxTokens)
	}
	var tokens []string
	for i, line := range bytes.Split(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n")) {
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		if at := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }); at >= 0 {
			return nil, fmt.Errorf(":%d:%d: a token has a character that no token may have; write letters, digits and signs of ASCII without blanks", i+1, at+1)
		}
		tokens = append(tokens, text)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf(" holds no token; write one on a line, such as what openssl rand -hex 32 gives")
	}
	return tokens, nil
}
