package wiring

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Write writes files into a directory that is not there yet or is empty, all of them or none. With force it takes the
// place of a directory that Write made.
func Write(dir string, files []File, force bool) error {
	dir, err := place(dir)
	if err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return fmt.Errorf("make the directory: %w", err)
		}
	case err != nil:
		return fmt.Errorf("look into the directory: %w", err)
	case len(there) == 0:
	case !force:
		return fmt.Errorf("%s is not empty; name a new directory, or give --force to make everything in it anew, or --renew for new certificates", dir)
	default:
		if err := checkOurs(dir); err != nil {
			return err
		}
	}
	return replace(dir, files)
}

// place is the absolute path of a directory to write. A symbolic link is refused: it would be replaced, and what it
// points to would stay as it is.
func place(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the directory: %w", err)
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		to, _ := os.Readlink(dir) // only to be told
		return "", fmt.Errorf("%s is a symbolic link to %s; name the directory itself", dir, to)
	}
	return dir, nil
}

// replace puts a directory with the files in the place of another one, or of nothing.
func replace(dir string, files []File) error {
	staging, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-*")
	if err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	defer os.RemoveAll(staging) //nolint:errcheck // what is left of it is empty or was never seen
	made, old := filepath.Join(staging, "new"), filepath.Join(staging, "old")
	if err := writeAll(made, files); err != nil {
		return err
	}
	err = os.Rename(dir, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put the files in place: %w", err)
	}
	moved := err == nil
	if err := os.Rename(made, dir); err != nil {
		if moved {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return fmt.Errorf("put the files in place: %w", err)
	}
	return nil
}

func writeAll(dir string, files []File) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for _, f := range files {
		at := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return fmt.Errorf("make the directory: %w", err)
		}
		if err := writeFile(at, f); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

func writeFile(at string, f File) error {
	w, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode)
	if err != nil {
		return err
	}
	_, err = w.Write(f.Data)
	return errors.Join(err, w.Chmod(f.Mode), w.Sync(), w.Close())
}

// known tells whether Make makes a file of this path for some distribution.
func known(at string) bool {
	return slices.Contains([]string{
		readmePath, policyPath, webhookPath, serverCAPath, clientPath, clientKeyPath, clientToken, configPath, serverPath, serverKeyPath,
		clientCAPath, tokensPath, authorityPath, authorityKey,
		"kubeadm.yaml", "patches/kube-apiserver+json.yaml", "kind.yaml", "minikube.sh", "90-saker-audit.yaml", "kops.yaml", "flags",
	}, at)
}

// checkOurs refuses a directory that holds something that Make does not make, since it would be removed.
func checkOurs(dir string) error {
	_, err := read(dir)
	return err
}

// read reads a directory that Write made.
func read(dir string) ([]File, error) {
	var files []File
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !known(at) || !d.Type().IsRegular() {
			return fmt.Errorf("%s was not made by saker audit init; move it away first", at)
		}
		data, err := fs.ReadFile(root, at)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, File{at, data, info.Mode().Perm()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", dir, err)
	}
	return files, nil
}

// Renew makes new certificates and keys, for the same names and by the same authority, in a directory that Write made.
// The authority's certificate and key are read from authority, or from the directory itself when that is empty. It
// returns the paths of the files that it changed.
func Renew(dir, authority string, now time.Time, valid time.Duration) ([]string, error) {
	dir, err := place(dir)
	if err != nil {
		return nil, err
	}
	files, err := read(dir)
	if err != nil {
		return nil, err
	}
	if authority == "" {
		authority = filepath.Join(dir, "ca")
	}
	a, err := LoadAuthority(authority, now)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, pair := range [][2]string{{serverPath, serverKeyPath}, {clientPath, clientKeyPath}} {
		names, err := renewPair(files, pair, a, now, valid)
		if err != nil {
			return nil, err
		}
		changed = append(changed, names...)
	}
	if len(changed) == 0 {
		return nil, fmt.Errorf("%s holds no certificate that could be renewed", dir)
	}
	slices.Sort(changed)
	return slices.Compact(changed), replace(dir, files)
}

// renewPair changes a certificate, its key, and the files that hold them, and returns their paths.
func renewPair(files []File, pair [2]string, a *Authority, now time.Time, valid time.Duration) ([]string, error) {
	find := func(at string) int { return slices.IndexFunc(files, func(f File) bool { return f.Path == at }) }
	at, keyAt := find(pair[0]), find(pair[1])
	if at < 0 || keyAt < 0 {
		return nil, nil
	}
	block, _ := pem.Decode(files[at].Data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", pair[0])
	}
	old, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", pair[0], err)
	}
	if err := old.CheckSignatureFrom(a.certificate); err != nil {
		return nil, fmt.Errorf("%s was not signed by this authority, so whoever trusts the old one would refuse the new one: %w", pair[0], err)
	}
	hosts := slices.Clone(old.DNSNames)
	for _, ip := range old.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	certificate, key, err := a.issue(old.Subject.CommonName, hosts, now, valid)
	if err != nil {
		return nil, err
	}
	var changed []string
	oldCertificate, oldKey := files[at].Data, files[keyAt].Data
	for i := range files {
		data := replaceText(replaceText(files[i].Data, oldCertificate, certificate), oldKey, key)
		if !bytes.Equal(data, files[i].Data) {
			files[i].Data = data
			changed = append(changed, files[i].Path)
		}
	}
	return changed, nil
}

// LoadAuthority reads an authority from the files ca.crt and ca.key of a directory.
func LoadAuthority(dir string, now time.Time) (*Authority, error) {
	var texts [2][]byte
	for i, name := range []string{"ca.crt", "ca.key"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the authority is not there: %w; name the directory where it is kept with --ca", err)
		}
		if err != nil {
			return nil, fmt.Errorf("read the authority: %w", err)
		}
		texts[i] = data
	}
	a, err := ReadAuthority(texts[0], texts[1], now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.TrimSuffix(dir, "/"), err)
	}
	return a, nil
}
