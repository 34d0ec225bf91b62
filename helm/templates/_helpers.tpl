{{- define "penstock.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{- define "penstock.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "penstock.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "penstock.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "penstock.secret" -}}
{{ .Values.secrets.existing | default (include "penstock.name" .) }}
{{- end }}

{{/* Every process has the same settings; what is secret comes from the Secret. */}}
{{- define "penstock.env" -}}
- name: PENSTOCK_ENVIRONMENT
  value: production
- name: PENSTOCK_AUTH_URL
  value: {{ required "auth.url is required: the https address of Keycloak" .Values.auth.url | quote }}
{{- if .Values.secrets.masterKeysFile }}
- name: PENSTOCK_MASTER_KEYS_FILE
  value: /etc/penstock/master.keys
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: PENSTOCK_{{ $name | upper }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}

{{- define "penstock.pod" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
serviceAccountName: {{ include "penstock.name" . }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: tmp
    emptyDir: {}
  {{- with .Values.secrets.masterKeysFile }}
  - name: master-keys
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
{{- end }}

{{- define "penstock.container" -}}
image: {{ include "penstock.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - secretRef:
      name: {{ include "penstock.secret" . }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .Values.secrets.masterKeysFile }}
  - name: master-keys
    mountPath: /etc/penstock
    readOnly: true
  {{- end }}
{{- end }}

{{- define "penstock.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "penstock.selector" .top | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end }}
