package kube

import (
	"errors"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// attacksOnRights are ways to more rights, and to other names.
var attacksOnRights = []scenario{
	{
		name: "cluster-admin for oneself",
		act:  func(s *scene) { s.create("mallory", clusterRoleBinding("support", "cluster-admin", "User", "mallory")) },
		want: []want{{rule: "Cluster-admin rights granted", user: "mallory", target: "support"}},
	},
	{
		name: "cluster-admin by an update that creates",
		act: func(s *scene) {
			resource, object := s.objects("mallory", clusterRoleBinding("updated", "cluster-admin", "User", "mallory"))
			s.done(resource.Update(ctx(), object, metav1.UpdateOptions{}))
		},
		want: []want{{rule: "Cluster-admin rights granted", user: "mallory", target: "updated", fields: fields{"ka.verb": "update"}}},
	},
	{
		name: "cluster-admin in a namespace by server-side apply",
		act: func(s *scene) {
			s.apply("mallory", roleBinding("vault", "backup", "ClusterRole", "cluster-admin", "User", "mallory"))
		},
		want: []want{{rule: "Cluster-admin rights granted", user: "mallory", target: "backup", fields: fields{"ka.target.namespace": "vault"}}},
	},
	{
		name: "subject slipped into a binding by JSON patch",
		act: func(s *scene) {
			body := `[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"mallory","apiGroup":"rbac.authorization.k8s.io"}}]`
			s.done(s.as("mallory").RbacV1().ClusterRoleBindings().Patch(ctx(), "operators", types.JSONPatchType, []byte(body), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Cluster-admin rights granted", user: "mallory", target: "operators"}},
	},
	{
		name: "role with wildcards",
		act: func(s *scene) {
			s.create("mallory", clusterRole("reader", `[get, list]`, `["*"]`, `["*"]`))
		},
		want: []want{{rule: "Role written with wildcard rights", user: "mallory", target: "reader"}},
	},
	{
		name: "wildcard patched into a role",
		act: func(s *scene) {
			s.create("otto", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: cache, namespace: shop}, rules: [{verbs: [get], apiGroups: [''], resources: [configmaps]}]}")
			s.done(s.as("mallory").RbacV1().Roles("shop").Patch(ctx(), "cache", types.JSONPatchType, []byte(`[{"op":"replace","path":"/rules/0/verbs","value":["*"]}]`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Role written with wildcard rights", user: "mallory", target: "cache"}},
	},
	{
		name: "role that may act as others",
		act: func(s *scene) {
			s.create("mallory", clusterRole("audit-reader", `[impersonate]`, `[""]`, `[users, groups]`))
		},
		want: []want{{rule: "Role written that opens a way to more rights", user: "mallory", target: "audit-reader"}},
	},
	{
		name: "role that may run commands",
		act:  func(s *scene) { s.create("mallory", clusterRole("probe", `[create]`, `[""]`, `[pods/exec]`)) },
		want: []want{{rule: "Role written that opens a way to more rights", user: "mallory", target: "probe"}},
	},
	{
		name: "role that may run commands in whatever there is",
		act:  func(s *scene) { s.create("mallory", clusterRole("prober", `[create]`, `[""]`, `["*/exec"]`)) },
		want: []want{{rule: "Role written that opens a way to more rights", user: "mallory", target: "prober"}},
	},
	{
		name: "verb bind used to bind oneself",
		act: func(s *scene) {
			s.create("otto", clusterRole("binder", `[bind]`, `[rbac.authorization.k8s.io]`, `[clusterroles]`))
			s.create("otto", clusterRole("binding-writer", `[create]`, `[rbac.authorization.k8s.io]`, `[rolebindings]`))
			s.create("otto", roleBinding("vault", "eve-binds", "ClusterRole", "binder", "User", "eve"))
			s.create("otto", roleBinding("vault", "eve-writes", "ClusterRole", "binding-writer", "User", "eve"))
			s.allowed("eve", "vault", "bind", "clusterroles.rbac.authorization.k8s.io", "cluster-admin")
			s.allowed("eve", "vault", "create", "rolebindings.rbac.authorization.k8s.io", "")
			s.create("eve", roleBinding("vault", "eve-owns", "ClusterRole", "cluster-admin", "User", "eve"))
		},
		want: []want{
			{rule: "Role written that opens a way to more rights", user: "otto", target: "binder"},
			{rule: "Cluster-admin rights granted", user: "eve", target: "eve-owns"},
		},
	},
	{
		name: "rights for everybody",
		act: func(s *scene) {
			s.create("mallory", clusterRole("pod-reader", `[get, list]`, `[""]`, `[pods]`))
			s.create("mallory", clusterRoleBinding("pod-readers", "pod-reader", "Group", "system:unauthenticated"))
			s.allowed(anonymous, "shop", "list", "pods", "")
			s.done(s.as(anonymous).CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{
			{rule: "Rights granted to anonymous callers", user: "mallory", target: "pod-readers"},
			{rule: "Anonymous request allowed", fields: fields{"ka.uri": "/api/v1/namespaces/shop/pods"}},
		},
	},
	{
		name: "acting as the controller manager",
		act: func(s *scene) {
			s.done(s.as("mallory", impersonating(controllerManager)).CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Privileged identity impersonated", user: "mallory", fields: fields{"ka.impuser.name": controllerManager}}},
	},
	{
		name: "acting as a member of system:masters",
		act: func(s *scene) {
			s.done(s.as("mallory", impersonating("helper", "system:masters")).CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Privileged identity impersonated", user: "mallory", fields: fields{"ka.impuser.name": "helper"}}},
	},
	{
		name: "token of a controller",
		act: func(s *scene) {
			hour := int64(3600)
			s.done(s.as("mallory").CoreV1().ServiceAccounts("kube-system").CreateToken(ctx(), "generic-garbage-collector",
				&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}, metav1.CreateOptions{}))
		},
		want: []want{{rule: "Token of a system service account requested", user: "mallory", target: "generic-garbage-collector", fields: fields{"ka.target.namespace": "kube-system"}}},
	},
	{
		// The API server gives out the token all the same.
		name: "token by a dry run",
		act: func(s *scene) {
			given, err := s.as("mallory").CoreV1().ServiceAccounts("ci").CreateToken(ctx(), "deployer",
				&authenticationv1.TokenRequest{}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			s.ok(err)
			if given.Status.Token == "" {
				s.ok(errors.New("no token was given"))
			}
		},
		want: []want{{rule: "Service account token requested by hand", user: "mallory", target: "deployer"}},
	},
	{
		name: "stolen token looks around",
		act: func(s *scene) {
			s.done(s.as("system:serviceaccount:ci:deployer").AuthorizationV1().SelfSubjectRulesReviews().Create(ctx(),
				&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "shop"}}, metav1.CreateOptions{}))
		},
		want: []want{{rule: "Service account asks for its own rights", user: "system:serviceaccount:ci:deployer"}},
	},
	{
		name: "secrets of all namespaces",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Secrets("").List(ctx(), metav1.ListOptions{Limit: 500}))
		},
		want: []want{{rule: "Secrets of all namespaces listed", user: "mallory"}},
	},
	{
		name: "secret hidden among the system's",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Secret, metadata: {name: spare, namespace: kube-system}, stringData: {key: value}}")
		},
		want: []want{{rule: "Secret or service account created in a system namespace", user: "mallory", target: "spare"}},
	},
	{
		name: "service account hidden among the system's",
		act:  func(s *scene) { s.serviceAccount("mallory", "kube-system", "spare") },
		want: []want{{rule: "Secret or service account created in a system namespace", user: "mallory", target: "spare"}},
	},
	{
		name: "password in a config map",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {app.properties: \"db.password=hunter2hunter2\"}}")
		},
		want: []want{{rule: "Credentials in a ConfigMap", user: "mallory", target: "settings"}},
	},
	{
		name: "access key patched into a config map",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: ConfigMap, metadata: {name: cloud, namespace: shop}, data: {region: eu-1}}")
			s.done(s.as("mallory").CoreV1().ConfigMaps("shop").Patch(ctx(), "cloud", types.MergePatchType, []byte(`{"data":{"id":"AKIAIOSFODNN7EXAMPLE"}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Credentials in a ConfigMap", user: "mallory", target: "cloud"}},
	},
	{
		// A patch is recorded as it came, with the letters that its author chose.
		name: "password patched in other letters",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: ConfigMap, metadata: {name: letters, namespace: shop}, data: {region: eu-1}}")
			s.done(s.as("mallory").CoreV1().ConfigMaps("shop").Patch(ctx(), "letters", types.MergePatchType, []byte(`{"data":{"db":"p\u0061ssword=hunter2hunter2"}}`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Credentials in a ConfigMap", user: "mallory", target: "letters"}},
	},
	{
		name: "node's port opened by a patch in other letters",
		act: func(s *scene) {
			s.create("mallory", service("shop", "patched", "ClusterIP"))
			s.done(s.as("mallory").CoreV1().Services("shop").Patch(ctx(), "patched", types.JSONPatchType, []byte(`[{"op":"replace","path":"/spec/type","value":"NodeP\u006frt"}]`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Service opened on the nodes' ports", user: "mallory", target: "patched"}},
	},
	{
		name: "role bound to oneself",
		act: func(s *scene) {
			s.create("mallory", roleBinding("vault", "helper", "ClusterRole", "admin", "User", "mallory"))
		},
		want: []want{{rule: "Caller gave rights to himself", user: "mallory", target: "helper"}},
	},
	{
		name: "role bound to oneself by JSON patch",
		act: func(s *scene) {
			s.create("otto", roleBinding("vault", "helpers", "ClusterRole", "view", "User", "eve"))
			body := `[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"mallory","apiGroup":"rbac.authorization.k8s.io"}}]`
			s.done(s.as("mallory").RbacV1().RoleBindings("vault").Patch(ctx(), "helpers", types.JSONPatchType, []byte(body), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Caller gave rights to himself", user: "mallory", target: "helpers"}},
	},
	{
		name: "role bound to one's own group",
		act: func(s *scene) {
			s.create("mallory", roleBinding("vault", "helping-group", "ClusterRole", "view", "Group", "operators"))
		},
		want: []want{{rule: "Caller gave rights to himself", user: "mallory", target: "helping-group"}},
	},
	{
		name: "rights for all who can log in",
		act: func(s *scene) {
			s.create("mallory", roleBinding("vault", "readers", "ClusterRole", "view", "Group", "system:authenticated"))
		},
		want: []want{{rule: "Rights granted to all authenticated callers", user: "mallory", target: "readers"}},
	},
	{
		name: "role that allows everything",
		act:  func(s *scene) { s.create("mallory", clusterRole("maintenance", `["*"]`, `["*"]`, `["*"]`)) },
		want: []want{{rule: "Role written that allows everything", user: "mallory", target: "maintenance"}},
	},
	{
		name: "role that reads secrets",
		act:  func(s *scene) { s.create("mallory", clusterRole("inventory", `[get, list]`, `[""]`, `[secrets]`)) },
		want: []want{{rule: "Role written that reads secrets", user: "mallory", target: "inventory"}},
	},
	{
		name: "rights slipped into a default role",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: view-more, labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}}, rules: [{verbs: [get, list], apiGroups: [''], resources: [secrets]}]}")
		},
		want: []want{{rule: "Powerful rights added to a default role", user: "mallory", target: "view-more"}},
	},
	{
		name: "default role changed",
		act: func(s *scene) {
			s.done(s.as("mallory").RbacV1().ClusterRoles().Patch(ctx(), "system:basic-user", types.JSONPatchType, []byte(`[{"op":"add","path":"/rules/-","value":{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}}]`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Default role or binding changed", user: "mallory", target: "system:basic-user"}},
	},
	{
		name: "rights beyond one's own refused",
		act: func(s *scene) {
			s.create("otto", clusterRole("role-writer", `[create, patch, update, get]`, `[rbac.authorization.k8s.io]`, `[roles]`))
			s.create("otto", roleBinding("monitoring", "eve-roles", "ClusterRole", "role-writer", "User", "eve"))
			s.allowed("eve", "monitoring", "create", "roles.rbac.authorization.k8s.io", "")
			s.refused(s.tryCreate("eve", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: climb, namespace: monitoring}, rules: [{verbs: [get], apiGroups: [''], resources: [secrets]}]}"))
		},
		want: []want{{rule: "Attempt to grant rights beyond one's own", user: "eve", target: "climb"}},
	},
	{
		name: "verb escalate used",
		act: func(s *scene) {
			s.create("otto", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: grow, namespace: ci}, rules: [{verbs: [escalate, get, patch], apiGroups: [rbac.authorization.k8s.io], resources: [roles]}]}")
			s.create("otto", roleBinding("ci", "eve-grows", "Role", "grow", "User", "eve"))
			s.allowed("eve", "ci", "escalate", "roles.rbac.authorization.k8s.io", "grow")
			s.done(s.as("eve").RbacV1().Roles("ci").Patch(ctx(), "grow", types.MergePatchType, []byte(`{"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}`), metav1.PatchOptions{}))
		},
		want: []want{
			{rule: "Role written that opens a way to more rights", user: "otto", target: "grow"},
			{rule: "Role written that allows everything", user: "eve", target: "grow"},
		},
	},
	{
		// Of two members of one name the API server takes the last; it records a patch as it came.
		name: "wildcard behind a doubled member",
		act: func(s *scene) {
			s.create("otto", "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: doubled, namespace: vault}, rules: [{verbs: [get], apiGroups: [''], resources: [configmaps]}]}")
			s.status(http.StatusOK, "mallory", http.MethodPatch, "/apis/rbac.authorization.k8s.io/v1/namespaces/vault/roles/doubled?fieldValidation=Ignore", string(types.MergePatchType),
				`{"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"]}],"rules":[{"verbs":["*"],"apiGroups":[""],"resources":["configmaps"]}]}`)
		},
		want: []want{{rule: "Role written with wildcard rights", user: "mallory", target: "doubled"}},
	},
	{
		name: "secrets patched into a role",
		act: func(s *scene) {
			s.create("otto", clusterRole("stocktaking", `[get, list]`, `[""]`, `[configmaps]`))
			s.done(s.as("mallory").RbacV1().ClusterRoles().Patch(ctx(), "stocktaking", types.JSONPatchType, []byte(`[{"op":"add","path":"/rules/0/resources/-","value":"secrets"}]`), metav1.PatchOptions{}))
		},
		want: []want{{rule: "Role written that reads secrets", user: "mallory", target: "stocktaking"}},
	},
	{
		name: "impersonation refused",
		act: func(s *scene) {
			s.refused(s.as("eve", impersonating("root", "system:masters")).CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Impersonation refused", user: "eve"}},
	},
	{
		name: "acting as a colleague",
		act: func(s *scene) {
			s.done(s.as("mallory", impersonating("alice", "developers")).CoreV1().Pods("shop").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Identity impersonated", user: "mallory", fields: fields{"ka.impuser.name": "alice"}}},
	},
	{
		name: "token that lasts",
		act: func(s *scene) {
			month := int64(30 * 24 * 3600)
			s.done(s.as("mallory").CoreV1().ServiceAccounts("ci").CreateToken(ctx(), "deployer",
				&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &month}}, metav1.CreateOptions{}))
		},
		want: []want{{rule: "Long-lived token requested", user: "mallory", target: "deployer"}},
	},
	{
		name: "secrets of all namespaces watched",
		act: func(s *scene) {
			s.status(http.StatusOK, "mallory", http.MethodGet, "/api/v1/secrets?watch=1&timeoutSeconds=1", "", "")
			s.status(http.StatusOK, "mallory", http.MethodGet, "/api/v1/watch/secrets?timeoutSeconds=1", "", "")
		},
		want: []want{
			{rule: "Secrets of all namespaces listed", user: "mallory", fields: fields{"ka.uri": "/api/v1/secrets?watch=1&timeoutSeconds=1"}},
			{rule: "Secrets of all namespaces listed", user: "mallory", fields: fields{"ka.uri": "/api/v1/watch/secrets?timeoutSeconds=1"}},
		},
	},
	{
		// Of two selectors the API server takes the first. The second one is that by which helm looks for its releases.
		name: "secrets of all namespaces behind a doubled selector",
		act: func(s *scene) {
			s.status(http.StatusOK, "mallory", http.MethodGet, "/api/v1/secrets?labelSelector=&labelSelector=owner%3Dhelm", "", "")
		},
		want: []want{{rule: "Secrets of all namespaces listed", user: "mallory"}},
	},
	{
		name: "secret of the system read",
		act: func(s *scene) {
			s.done(s.as("mallory").CoreV1().Secrets("kube-system").List(ctx(), metav1.ListOptions{}))
		},
		want: []want{{rule: "Secret of a system namespace read", user: "mallory"}},
	},
	{
		name: "events wiped",
		act: func(s *scene) {
			s.ok(s.as("mallory").CoreV1().Events("shop").DeleteCollection(ctx(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		},
		want: []want{{rule: "Events deleted", user: "mallory"}},
	},
	{
		name: "node's port opened",
		act: func(s *scene) {
			s.create("mallory", "{apiVersion: v1, kind: Service, metadata: {name: backdoor, namespace: shop}, spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}}")
		},
		want: []want{{rule: "Service opened on the nodes' ports", user: "mallory", target: "backdoor"}},
	},
	{
		name: "namespace of one's own",
		act:  func(s *scene) { s.create("mallory", "{apiVersion: v1, kind: Namespace, metadata: {name: kube-cache}}") },
		want: []want{{rule: "Namespace created by an unexpected user", user: "mallory", target: "kube-cache"}},
	},
	{
		name: "admission webhook added",
		act:  func(s *scene) { s.create("mallory", webhookConfiguration("Mutating", "inject")) },
		want: []want{{rule: "Admission webhook added", user: "mallory", target: "inject"}},
	},
	{
		name: "admission webhook weakened and removed",
		act: func(s *scene) {
			s.create("kubernetes-admin", webhookConfiguration("Validating", "guard"))
			guards := s.as("mallory").AdmissionregistrationV1().ValidatingWebhookConfigurations()
			s.done(guards.Patch(ctx(), "guard", types.JSONPatchType, []byte(`[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]`), metav1.PatchOptions{}))
			s.ok(guards.Delete(ctx(), "guard", metav1.DeleteOptions{}))
		},
		want: []want{
			{rule: "Admission webhook added", user: "kubernetes-admin", target: "guard"},
			{rule: "Admission webhook configuration changed", user: "mallory", target: "guard", fields: fields{"ka.verb": "patch"}},
			{rule: "Admission webhook configuration changed", user: "mallory", target: "guard", fields: fields{"ka.verb": "delete"}},
		},
	},
}

// webhookConfiguration is one that is never called: it asks for a resource that nobody has.
func webhookConfiguration(kind, name string) string {
	return "{apiVersion: admissionregistration.k8s.io/v1, kind: " + kind + "WebhookConfiguration, metadata: {name: " + name + "}, webhooks: [{name: hook.registry.example, " +
		"clientConfig: {service: {namespace: vault, name: hook}}, rules: [{operations: [CREATE], apiGroups: [registry.example], apiVersions: [v1], resources: [things]}], " +
		"failurePolicy: Fail, sideEffects: None, admissionReviewVersions: [v1]}]}"
}
