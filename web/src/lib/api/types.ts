// Short names for what the vault's document describes.
import type { components } from './schema';

/** The bodies that the vault's document names. */
export type Schemas = components['schemas'];

export type Account = Schemas['AccountView'];
export type AccountWithPassword = Schemas['WithPassword'];
export type EvidencePackage = Schemas['PackageView'];
export type Finding = Schemas['HealthFinding'];
export type Mute = Schemas['MuteView'];
export type Note = Schemas['NoteView'];
export type Recording = Schemas['RecordingView'];
export type Session = Schemas['SessionView'];
export type Token = Schemas['TokenView'];
export type TrainingItem = Schemas['ItemView'];
export type TrainingSet = Schemas['SetView'];
