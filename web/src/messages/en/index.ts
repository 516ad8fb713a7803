// The English catalogue, with the names of the Dutch one.
import type nl from '../nl';
import common from './common.json';
import recordings from './recordings.json';
import training from './training.json';

const en: typeof nl = { ...common, ...recordings, ...training };
export default en;
