// Short messages about what just happened: shown for a while, and read out.

export interface Message {
  id: number;
  text: string;
  kind: 'info' | 'error';
}

let next = 0;
let messages = $state<Message[]>([]);

export const announcer = {
  get messages(): Message[] {
    return messages;
  },
  dismiss(id: number): void {
    messages = messages.filter((message) => message.id !== id);
  },
};

/** Tells that something happened. An error stays until it is closed. */
export function announce(text: string, kind: Message['kind'] = 'info'): void {
  const id = next++;
  // The same again takes the place of the one before.
  const others = messages.filter((message) => message.text !== text);
  messages = [...others.slice(-2), { id, text, kind }];
  if (kind === 'info') setTimeout(() => announcer.dismiss(id), 6000);
}
