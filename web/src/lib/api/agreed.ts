// What the vault's document does not describe yet. Whatever it describes wins (see client.ts);
// when it describes all of this, the file goes.
import type { components } from './schema';

type Json<T> = { content: { 'application/json': T } };
type Refused = {
  '4XX': { content: { 'application/problem+json': components['schemas']['Problem'] } };
};
type Answer<Status extends number, T> = {
  responses: { [S in Status]: T extends null ? { content?: never } : Json<T> } & Refused;
};
type Body<T> = { requestBody: Json<T> };
type At<Path> = { parameters: { path: Path } };
type Id = At<{ id: string }>;

/** How one can sign in. */
export interface SignInWays {
  local: boolean;
  oidc: { name: string; url: string } | null;
}

/** Who is signed in. */
export interface Session {
  person: { id: string; name: string };
  roles: string[];
  customer: string | null;
  controller: string;
  lines: string[] | null;
  agent: string | null;
  expires_at: string;
  csrf: string;
  second_factor: boolean;
  local: boolean;
  must_change_password: boolean;
}

/** One of the sessions of whoever is signed in. */
export interface SessionItem {
  id: string;
  current: boolean;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
}

/** A note at a moment of a recording, or over a stretch of it. */
export interface Note {
  id: string;
  at: number;
  to?: number | null;
  text: string;
  author: { id: string; name: string };
  mine: boolean;
  created_at: string;
  changed_at?: string | null;
}

/** A training set, as the list shows it. */
export interface TrainingSet {
  id: string;
  name: string;
  owner: { id: string; name: string };
  mine: boolean;
  shared_with: { id: string; name: string }[];
  count: number;
  created_at: string;
}

/** A recording, or a part of one, in a training set. */
export interface TrainingItem {
  id: string;
  recording: components['schemas']['RecordingView'];
  from?: number | null;
  to?: number | null;
}

/** An evidence package. */
export interface EvidencePackage {
  id: string;
  recording: string;
  purpose: string;
  case: string;
  recipient?: string | null;
  destroy_by: string;
  language: string;
  state: string;
  overdue: boolean;
  asked_by: string;
  asked_at: string;
  approved_by?: string | null;
  approved_at?: string | null;
  handed_out: number;
  handed_out_at?: string | null;
}

/** A stretch that is silence, except as evidence. */
export interface Mute {
  id: string;
  from: number;
  to: number;
  reason: string;
  marked_at: string;
}

type List<T> = { items: T[]; next?: string | null };

/** The agreed operations. */
export interface AgreedPaths {
  '/v1/sign-in': { get: Answer<200, SignInWays> };
  '/v1/session': {
    get: Answer<200, Session>;
    post: Body<{ name: string; password: string; code?: string }> & Answer<200, Session>;
    delete: Answer<204, null>;
  };
  '/v1/sessions': { get: Answer<200, List<SessionItem>> };
  '/v1/sessions/{id}': { delete: Id & Answer<204, null> };
  '/v1/account/password': { put: Body<{ old: string; new: string }> & Answer<204, null> };
  '/v1/account/second-factor': {
    post: Answer<201, { secret: string; uri: string }>;
    put: Body<{ code: string }> & Answer<204, null>;
    delete: Body<{ code: string }> & Answer<204, null>;
  };
  '/v1/people': { get: Answer<200, List<{ id: string; name: string }>> };
  '/v1/recordings/{id}/notes': {
    get: Id & Answer<200, List<Note>>;
    post: Id & Body<{ at: number; to?: number; text: string }> & Answer<201, Note>;
  };
  '/v1/recordings/{id}/notes/{note}': {
    patch: At<{ id: string; note: string }> &
      Body<{ at?: number; to?: number | null; text?: string }> &
      Answer<200, Note>;
    delete: At<{ id: string; note: string }> & Answer<204, null>;
  };
  '/v1/recordings/{id}/tags': {
    put: Id & Body<{ tags: string[] }> & Answer<200, { tags: string[] }>;
  };
  '/v1/recordings/{id}/mutes': {
    get: Id & Answer<200, List<Mute>>;
    post: Id & Body<{ from: number; to: number; reason: string }> & Answer<201, Mute>;
  };
  '/v1/recordings/{id}/mutes/{mute}': {
    delete: At<{ id: string; mute: string }> & Answer<204, null>;
  };
  '/v1/recordings/{id}/evidence': {
    post: Id &
      Body<{ case: string; recipient: string; destroy_by: string; language?: string }> &
      Answer<202, EvidencePackage>;
  };
  '/v1/evidence': {
    get: { parameters: { query?: { cursor?: string; limit?: number } } } & Answer<
      200,
      List<EvidencePackage>
    >;
  };
  '/v1/evidence/{id}/approval': { post: Id & Answer<200, EvidencePackage> };
  '/v1/training-sets': {
    get: Answer<200, List<TrainingSet>>;
    post: Body<{ name: string }> & Answer<201, TrainingSet>;
  };
  '/v1/training-sets/{id}': {
    get: Id & Answer<200, TrainingSet>;
    patch: Id & Body<{ name?: string; shared_with?: string[] }> & Answer<200, TrainingSet>;
    delete: Id & Answer<204, null>;
  };
  '/v1/training-sets/{id}/items': {
    get: Id & Answer<200, List<TrainingItem>>;
    post: Id & Body<{ recording: string; from?: number; to?: number }> & Answer<201, TrainingItem>;
  };
  '/v1/training-sets/{id}/items/{item}': {
    delete: At<{ id: string; item: string }> & Answer<204, null>;
  };
  '/v1/training-sets/{id}/order': { put: Id & Body<{ items: string[] }> & Answer<204, null> };
}

/** A recording, with what the vault tells of it besides. */
export type Recording = components['schemas']['RecordingView'] & {
  tags?: string[];
  notes?: number;
  muted?: number;
};
