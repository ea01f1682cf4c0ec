package kube

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// scenario is something that people or programs do with the cluster, and the alerts that this has to give: these and no
// others. What one scenario leaves in the cluster, the later ones may use.
type scenario struct {
	name string
	act  func(s *scene)
	want []want
}

// want is an expected alert: its rule, the user and the target that it names, and further output fields. An empty text
// is not compared.
type want struct {
	rule, user, target string
	fields             fields
}

// fields are output fields of an alert as text.
type fields map[string]string

// scene is a scenario being played. Requests carry audit ids of the scene's own choice, by which its events are known.
type scene struct {
	*cluster
	name   string
	mu     sync.Mutex
	events map[string]bool
}

// failure ends a scene, see play.
type failure struct{ err error }

// play runs a scenario and gives the audit ids of its requests.
func play(c *cluster, name string, act func(*scene)) (s *scene, err error) {
	s = &scene{cluster: c, name: name, events: map[string]bool{}}
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case failure:
			err = cause.err
		default:
			panic(cause)
		}
	}()
	act(s)
	return s, nil
}

// ok ends the scene when something failed.
func (s *scene) ok(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// done is ok for calls that give something.
func (s *scene) done(_ any, err error) { s.ok(err) }

// refused ends the scene unless the API server forbade what was tried.
func (s *scene) refused(_ any, err error) {
	if !apierrors.IsForbidden(err) {
		panic(failure{fmt.Errorf("not forbidden: %w", errOrNone(err))})
	}
}

func errOrNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// tagged gives requests an audit id that belongs to the scene.
type tagged struct {
	next http.RoundTripper
	s    *scene
}

func (t tagged) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Audit-ID", t.s.newEvent())
	return t.next.RoundTrip(r)
}

func (s *scene) newEvent() string {
	id := uuid.NewString()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[id] = true
	return id
}

// config is that of the cluster, for requests of this scene.
func (s *scene) config(who string) *rest.Config {
	config := s.cluster.config(who)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return tagged{next, s} })
	return config
}

// as gives a client of somebody; options alter how he comes.
func (s *scene) as(who string, options ...func(*rest.Config)) *kubernetes.Clientset {
	config := s.config(who)
	for _, o := range options {
		o(config)
	}
	client, err := kubernetes.NewForConfig(config)
	s.ok(err)
	return client
}

// withAgent gives a client whose program says that it is another one.
func (s *scene) withAgent(who, agent string) *kubernetes.Clientset {
	return s.as(who, func(c *rest.Config) { c.UserAgent = agent })
}

// impersonating sets the headers of kubectl --as and --as-group.
func impersonating(user string, groups ...string) func(*rest.Config) {
	return func(c *rest.Config) { c.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups} }
}

// objects gives the interface to the resource of a manifest in YAML and its object.
func (s *scene) objects(who, manifest string) (dynamic.ResourceInterface, *unstructured.Unstructured) {
	object := &unstructured.Unstructured{}
	s.ok(yaml.Unmarshal([]byte(manifest), &object.Object))
	client, err := dynamic.NewForConfig(s.config(who))
	s.ok(err)
	resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	if object.GetNamespace() == "" {
		return client.Resource(resource), object
	}
	return client.Resource(resource).Namespace(object.GetNamespace()), object
}

// tryCreate creates what the manifest says, as kubectl create does.
func (s *scene) tryCreate(who, manifest string) (*unstructured.Unstructured, error) {
	resource, object := s.objects(who, manifest)
	return resource.Create(ctx(), object, metav1.CreateOptions{FieldManager: "kubectl-create"})
}

func (s *scene) create(who, manifest string) *unstructured.Unstructured {
	object, err := s.tryCreate(who, manifest)
	s.ok(err)
	return object
}

// apply is kubectl apply --server-side; creates and changes.
func (s *scene) apply(who, manifest string) *unstructured.Unstructured {
	resource, object := s.objects(who, manifest)
	object, err := resource.Apply(ctx(), object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl", Force: true})
	s.ok(err)
	return object
}

// refusedAtLast tries to create something until a policy refuses it: one comes into force a moment after it was written.
// The object is only tried, so that nothing is left behind until then.
func (s *scene) refusedAtLast(who, manifest string) {
	deadline := time.Now().Add(30 * time.Second)
	resource, object := s.objects(who, manifest)
	for {
		_, err := resource.Create(ctx(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			return
		}
		s.ok(err)
		if time.Now().After(deadline) {
			s.ok(errors.New("the policy does not come into force"))
		}
		<-time.After(20 * time.Millisecond)
	}
}

// raw sends a request by hand and gives the status of the answer and its body.
func (s *scene) raw(who, method, path, contentType, body string) (int, string) {
	config := s.config(who)
	client, err := rest.HTTPClientFor(config)
	s.ok(err)
	request, err := http.NewRequestWithContext(ctx(), method, s.url+path, strings.NewReader(body))
	s.ok(err)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("User-Agent", config.UserAgent)
	answer, err := client.Do(request)
	s.ok(err)
	defer answer.Body.Close()
	text := &bytes.Buffer{}
	_, err = io.Copy(text, answer.Body)
	s.ok(err)
	return answer.StatusCode, text.String()
}

// status is raw for a request that has to be answered with the given status.
func (s *scene) status(code int, who, method, path, contentType, body string) {
	if got, text := s.raw(who, method, path, contentType, body); got != code {
		s.ok(fmt.Errorf("%s %s: answered %d instead of %d: %s", method, path, got, code, text))
	}
}

// ctx bounds a request.
func ctx() context.Context {
	c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	context.AfterFunc(c, cancel)
	return c
}

// allowed waits until somebody may do something with a resource, written RESOURCE or RESOURCE.GROUP: the authorizers
// learn of new bindings, and the one of nodes of new pods, a moment after they were written.
func (s *scene) allowed(who, namespace, verb, resource, name string) {
	reviews := s.as("kubernetes-super-admin").AuthorizationV1().SubjectAccessReviews()
	resource, group, _ := strings.Cut(resource, ".")
	deadline := time.Now().Add(30 * time.Second)
	for {
		review, err := reviews.Create(ctx(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: who, Groups: groupsOf(who),
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Group: group, Resource: resource, Name: name},
		}}, metav1.CreateOptions{})
		s.ok(err)
		if review.Status.Allowed {
			return
		}
		if time.Now().After(deadline) {
			s.ok(fmt.Errorf("%s may not %s %s", who, verb, resource))
		}
		<-time.After(20 * time.Millisecond)
	}
}

// groupsOf are the groups of somebody as the API server knows them.
func groupsOf(who string) []string {
	if who == anonymous {
		return []string{"system:unauthenticated"}
	}
	if who == joiner {
		return []string{"system:bootstrappers", joiners, "system:authenticated"}
	}
	if parts := strings.Split(who, ":"); strings.HasPrefix(who, "system:serviceaccount:") {
		return []string{"system:serviceaccounts", "system:serviceaccounts:" + parts[2], "system:authenticated"}
	}
	return append(slices.Clone(people[who]), "system:authenticated")
}

// request gives the PEM of a request for a certificate.
func (s *scene) request(name string, groups ...string) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.ok(err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: groups}}, key)
	s.ok(err)
	return block("CERTIFICATE REQUEST", der)
}
